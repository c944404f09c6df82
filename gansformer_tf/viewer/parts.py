"""What the sections of the page share: the image, the controls that say what it is, and what a change does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
import numpy as np

from gansformer_tf.viewer.session import ViewerSession
from gansformer_tf.viewer.state import ImageState, Tab
from gansformer_tf.visualize.grids import readable

# A slider is followed as it moves; only its last place counts.
QUICK: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "queue": True}
_FOLLOW_LINK = "() => setTimeout(() => document.querySelector('#file').click(), 50)"


@contextmanager
def said() -> Iterator[None]:
    """Shows on the page what cannot be done."""
    try:
        yield
    except ValueError as error:
        raise gr.Error(str(error)) from error


def gallery_of_images(elem_id: str, render: bool = True) -> gr.Gallery:
    """Images of which one is clicked."""
    return gr.Gallery(
        show_label=False,
        columns=3,
        height="auto",
        allow_preview=False,
        interactive=False,
        buttons=[],
        render=render,
        elem_id=elem_id,
    )


@dataclass
class Parts:
    """The page of one model.

    Attributes:
        session: Draws the images.
        downloads: Where files are made; removed when the page is.
        view: The `Tab`.
        image: Shows it.
        file: A hidden link to a file that was made.
        display: Controls of how the image is shown.
        pins: Gallery of pinned images.
        controls: Controls of what it is, in the order of `values_of`; direction sliders are the last.
        which: Controls of what the direction sliders move: method and latent.
    """

    session: ViewerSession
    downloads: TemporaryDirectory
    view: gr.State
    image: gr.Image
    file: gr.DownloadButton
    pins: gr.Gallery
    display: list[Any] = field(default_factory=list)
    controls: list[Any] = field(default_factory=list)
    which: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Images are computed one at a time: two at once would only share the same processor.
        self.busy = threading.Lock()

    def show(self, view: Tab, kind: str, layer: int, head: int, alpha: float, alone: bool) -> np.ndarray:
        """The image as the display controls want it."""
        component = view.selected if alone else None
        return self.session.overlay(view.image, kind, int(layer or 0), int(head), alpha, component)

    def draw(self, view: Tab, state: ImageState, slider: str = "") -> Tab:
        """The tab with another state drawn."""
        with self.busy:
            return view.show(self.session.draw(state), slider)

    def values_of(self, state: ImageState, method: str, latent: int) -> list[Any]:
        """What the controls say for a state."""
        count = len(self.controls) - 4 - len(self.session.names)
        amounts = state.amounts(method, latent) or (0.0,) * count
        return [state.seed, state.truncation_psi, state.noise_mode, state.label or 0, *state.strengths, *amounts]

    def state_from(self, state: ImageState, values: list[Any], method: str, latent: int) -> ImageState:
        """The state that the controls say, from the one that is shown."""
        seed, psi, noise, label, *rest = values
        count = len(self.session.names)
        state = replace(
            state.of_seed(int(seed or 0)),
            truncation_psi=psi,
            noise_mode=noise,
            label=int(label) if self.session.config.label_dim else None,
            strengths=tuple(rest[:count]),
        )
        return state.move(method, latent, tuple(rest[count:]))

    def follow(self, control: Any, slider: str) -> None:
        """Draws what the controls say whenever one of them changes."""

        def on_change(view: Tab, *values: Any) -> tuple:
            given, rest = list(values[: len(self.controls)]), values[len(self.controls) :]
            state = self.state_from(view.image.state, given, *rest[:2])
            if state == view.image.state:  # the controls were set to what is shown
                return gr.skip(), gr.skip()
            with said():
                view = self.draw(view, state, slider)
            return view, self.show(view, *rest[2:])

        inputs = [self.view, *self.controls, *self.which, *self.display]
        control.change(on_change, inputs, [self.view, self.image], **QUICK)

    def changes(self, change: Callable[..., Tab], inputs: list[Any]) -> dict[str, Any]:
        """Arguments of an event whose function gives another tab: it is shown, and the controls follow it.

        Args:
            change: Called with the tab and the values of `inputs`.
            inputs: Components.
        """
        count = len(inputs)

        def handler(view: Tab, *values: Any) -> list[Any]:
            own, (method, latent), shown = values[:count], values[count : count + 2], values[count + 2 :]
            with said():
                view = change(view, *own)
            return [view, self.show(view, *shown), *self.values_of(view.image.state, method, latent)]

        return {
            "fn": handler,
            "inputs": [self.view, *inputs, *self.which, *self.display],
            "outputs": [self.view, self.image, *self.controls],
            "show_progress": "hidden",
        }

    def show_pins(self, event: Any) -> None:
        """Shows what is pinned after an event that pins."""

        def pinned(view: Tab) -> list[tuple[np.ndarray, str]]:
            return [(readable(image.pixels), image.state.name) for image in view.pins]

        event.success(pinned, self.view, self.pins, show_progress="hidden")

    def on_download(self, button: gr.Button, make: Callable[[Tab, Path], Path]) -> None:
        """A button that makes a file and downloads it."""

        # The file is made at the click, so a hidden link is followed once it is there.
        def handler(view: Tab) -> str:
            with said():
                return str(make(view, Path(self.downloads.name)))

        button.click(handler, self.view, self.file, show_progress="hidden").success(None, js=_FOLLOW_LINK)
