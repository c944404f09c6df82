"""The page: controls on the left, the image on the right."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from gansformer_tf.config.generator import NOISE_MODES
from gansformer_tf.image_files import IMAGE, SOFTWARE, save_image
from gansformer_tf.viewer.session import OVERLAYS, Drawn, ImageState, ViewerSession
from gansformer_tf.visualize.grids import readable
from gansformer_tf.visualize.palette import COMPONENT_COLORS, component_colors
from gansformer_tf.visualize.video import there_and_back, write_mp4

MAX_SEED = 2**32 - 1
HINT = "Click into the image to see which component draws a region."
# No fonts or scripts from elsewhere: the page works without a network.
THEME = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
_CACHE_SECONDS = (600, 3600)  # every ten minutes images older than an hour are removed from Gradio's cache
FOLLOW_LINK = "() => setTimeout(() => document.querySelector('#file').click(), 50)"


@dataclass(frozen=True)
class Tab:
    """What a browser tab looks at: the image, the selected component, the two pinned images."""

    image: Drawn
    selected: int | None = None
    start: Drawn | None = None
    end: Drawn | None = None


def build_page(session: ViewerSession, title: str, model: str = "") -> gr.Blocks:
    """The page of one model.

    Args:
        session: Draws the images.
        title: Shown above the page.
        model: What identifies the weights, kept in downloaded images.
    """
    first = Tab(session.draw(ImageState()))
    layers = [attention.shape[:3] for attention in first.image.attention]
    # Images are computed one at a time: two at once would only share the same processor.
    busy = threading.Lock()
    downloads = tempfile.TemporaryDirectory(prefix="gansformer-viewer-")  # removed when the page is

    def show(view: Tab, kind: str, layer: int, head: int, alpha: float, alone: bool) -> np.ndarray:
        component = view.selected if alone else None
        return session.overlay(view.image, kind, int(layer), int(head), alpha, component)

    def draw(view: Tab, state: ImageState) -> Tab:
        with busy:
            return replace(view, image=session.draw(state))

    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=_CACHE_SECONDS) as page:
        view = gr.State(first)
        gr.Markdown(f"## {title}")
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                with gr.Row():
                    seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, elem_id="seed")
                    next_seed = gr.Button("Next seed", elem_id="next-seed")
                psi = gr.Slider(0.0, 1.5, 0.7, step=0.05, label="Truncation psi", elem_id="psi")
                noise = gr.Radio(list(NOISE_MODES), value="random", label="Noise", elem_id="noise")
                label = _label_slider(session)
                with gr.Accordion("Strength of each component", open=True):
                    strengths = [
                        gr.Slider(0.0, 2.0, 1.0, step=0.05, label=name, elem_id=f"strength-{index}")
                        for index, name in enumerate(session.names)
                    ]
                    reset = gr.Button("Reset the strengths", size="sm", elem_id="reset")
            with gr.Column(scale=3, min_width=400):
                image = gr.Image(
                    show(first, "image", -1, 0, 0.6, False),
                    label="Image",
                    format="png",
                    interactive=False,
                    buttons=["fullscreen"],
                    elem_id="image",
                )
                region = gr.Markdown(HINT if session.attends else "This model has no attention.", elem_id="region")
                with gr.Group(visible=session.attends):
                    kind = gr.Radio(list(OVERLAYS), value="image", label="Show", elem_id="kind")
                    with gr.Row():
                        layer = gr.Dropdown(
                            [(f"{index}: {h}x{w}", index) for index, (_, h, w) in enumerate(layers)],
                            value=max(len(layers) - 1, 0) if layers else None,
                            label="Layer",
                            elem_id="layer",
                        )
                        head = gr.Dropdown(
                            list(range(max((heads for heads, _, _ in layers), default=1))),
                            value=0,
                            label="Head",
                            elem_id="head",
                        )
                        alpha = gr.Slider(0.0, 1.0, 0.6, step=0.05, label="Blend", elem_id="alpha")
                    with gr.Row():
                        alone = gr.Checkbox(False, label="Only the selected component", elem_id="alone")
                        resample = gr.Button("Re-sample the selected component", elem_id="resample")
                download = gr.Button("Download this image", elem_id="download")
                file = gr.DownloadButton(visible="hidden", elem_id="file")
                with gr.Accordion("Between two images", open=False, elem_id="between"):
                    with gr.Row():
                        pin_start = gr.Button("Pin as A", elem_id="pin-a")
                        pin_end = gr.Button("Pin as B", elem_id="pin-b")
                        make_video = gr.Button("Make a video", elem_id="video")
                    position = gr.Slider(0.0, 1.0, 0.0, step=0.02, label="From A to B", elem_id="position")
                    with gr.Row():
                        image_start = gr.Image(label="A", interactive=False, buttons=[], height=220)
                        image_between = gr.Image(
                            label="Between", interactive=False, buttons=[], height=220, elem_id="middle"
                        )
                        image_end = gr.Image(label="B", interactive=False, buttons=[], height=220)

        display: list[Any] = [kind, layer, head, alpha, alone]
        controls = [view, seed, psi, noise, label, *strengths]
        quick: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "queue": True}

        def on_change(view: Tab, seed: float, psi: float, noise: str, label: float, *rest: Any) -> tuple:
            values, shown = rest[: len(strengths)], rest[len(strengths) :]
            same_seed = view.image.state.seed == int(seed or 0)
            state = ImageState(
                seed=int(seed or 0),
                truncation_psi=psi,
                noise_mode=noise,
                label=int(label) if session.config.label_dim else None,
                strengths=tuple(values),
                resampled=view.image.state.resampled if same_seed else (),
            )
            view = draw(view, state)
            return view, show(view, *shown)

        inputs: list[Any] = [seed, psi, noise, label, *strengths]
        for control in inputs:
            control.change(on_change, [*controls, *display], [view, image], **quick)
        next_seed.click(lambda value: (int(value or 0) + 1) % (MAX_SEED + 1), seed, seed)
        reset.click(lambda: [1.0] * len(strengths), None, strengths)
        for control in display:
            control.change(show, [view, *display], image, **quick)

        def on_click(view: Tab, layer: int, head: int, event: gr.SelectData) -> tuple[Tab, str]:
            shown = readable(view.image.pixels, session.view_height)
            factor = shown.shape[0] // view.image.pixels.shape[0]
            x, y = (int(value) // factor for value in event.index)
            component, weight = session.component_at(view.image, x, y, int(layer), int(head))
            return replace(view, selected=component), region_text(session, component, weight, x, y)

        def on_resample(view: Tab, *shown: Any) -> tuple:
            if view.selected is None:
                raise gr.Error("Click into the image first: no component is selected.")
            view = draw(view, view.image.state.resample(view.selected))
            return view, show(view, *shown)

        if session.attends:
            image.select(on_click, [view, layer, head], [view, region], show_progress="hidden").then(
                show, [view, *display], image, show_progress="hidden"
            )
            resample.click(on_resample, [view, *display], [view, image], show_progress="hidden")

        def on_download(view: Tab) -> str:
            state = view.image.state
            path = Path(downloads.name) / f"seed{state.seed:04d}.png"
            metadata = {
                "software": SOFTWARE,
                "kind": IMAGE,
                "model": model,
                "seed": state.seed,
                "truncation_psi": state.truncation_psi,
                "noise_mode": state.noise_mode,
                "strengths": list(state.strengths),
                "resampled": [list(entry) for entry in state.resampled],
            }
            save_image(path, view.image.pixels, metadata)
            return str(path)

        # The file is made at the click, so a hidden link is followed once it is there.
        download.click(on_download, view, file).then(None, js=FOLLOW_LINK)

        def on_pin_start(view: Tab) -> tuple:
            return replace(view, start=view.image), readable(view.image.pixels)

        def on_pin_end(view: Tab) -> tuple:
            return replace(view, end=view.image), readable(view.image.pixels)

        def on_position(view: Tab, t: float) -> np.ndarray | None:
            if view.start is None or view.end is None:
                return None
            with busy:
                return readable(session.between(view.start, view.end, t))

        def on_video(view: Tab) -> str:
            if view.start is None or view.end is None:
                raise gr.Error("Pin two images first, one as A and one as B.")
            path = Path(downloads.name) / f"seed{view.start.state.seed:04d}-seed{view.end.state.seed:04d}.mp4"
            with busy:
                frames = [readable(frame, session.view_height) for frame in session.way(view.start, view.end)]
            write_mp4(path, there_and_back(frames))
            return str(path)

        for button, pin, target in ((pin_start, on_pin_start, image_start), (pin_end, on_pin_end, image_end)):
            button.click(pin, view, [view, target], show_progress="hidden").then(
                on_position, [view, position], image_between, show_progress="hidden"
            )
        position.change(on_position, [view, position], image_between, **quick)
        make_video.click(on_video, view, file).then(None, js=FOLLOW_LINK)
    return page


def region_text(session: ViewerSession, component: int, weight: float, x: int, y: int) -> str:
    """What is said about a clicked pixel, with the component's colour in the maps."""
    red, green, blue = (
        component_colors(len(COMPONENT_COLORS))[component] if component < len(COMPONENT_COLORS) else (0, 0, 0)
    )
    swatch = f'<span style="background:rgb({red},{green},{blue});padding:0 .8em;border:1px solid #444"></span>'
    return f"{swatch} **{session.names[component]}** draws pixel ({x}, {y}), with {weight:.0%} of the attention there."


def _label_slider(session: ViewerSession) -> gr.Slider:
    classes = session.config.label_dim
    return gr.Slider(0, max(classes - 1, 1), 0, step=1, label="Class", visible=bool(classes), elem_id="label")
