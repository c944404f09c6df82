"""Two images, and the way between them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np

from gansformer_tf.viewer.exports import write_way
from gansformer_tf.viewer.parts import QUICK, Parts
from gansformer_tf.viewer.state import Tab
from gansformer_tf.visualize.grids import readable


def add_between(parts: Parts) -> None:
    """The section, and what it does."""
    session = parts.session
    with gr.Accordion("Between two images", open=False, elem_id="between"):
        with gr.Row():
            pin_start = gr.Button("Pin as A", size="sm", min_width=80, elem_id="pin-a")
            pin_end = gr.Button("Pin as B", size="sm", min_width=80, elem_id="pin-b")
            make_video = gr.Button("Make a video", size="sm", min_width=80, elem_id="video")
        position = gr.Slider(0.0, 1.0, 0.0, step=0.02, label="From A to B", elem_id="position")
        with gr.Row():
            image_start = gr.Image(label="A", interactive=False, buttons=[], height=160, min_width=80)
            image_between = gr.Image(
                label="Between", interactive=False, buttons=[], height=160, min_width=80, elem_id="middle"
            )
            image_end = gr.Image(label="B", interactive=False, buttons=[], height=160, min_width=80)

    def on_pin_start(view: Tab) -> tuple:
        return replace(view, start=view.image), readable(view.image.pixels)

    def on_pin_end(view: Tab) -> tuple:
        return replace(view, end=view.image), readable(view.image.pixels)

    def on_position(view: Tab, t: float) -> np.ndarray | None:
        if view.start is None or view.end is None:
            return None
        with parts.busy:
            return readable(session.between(view.start, view.end, t))

    def on_video(view: Tab, folder: Path) -> Path:
        if view.start is None or view.end is None:
            raise ValueError("Pin two images first, one as A and one as B.")
        path = folder / f"{view.start.state.name}-{view.end.state.name}.mp4"
        with parts.busy:
            return write_way(session, view.start, view.end, path)

    for button, pin, target in ((pin_start, on_pin_start, image_start), (pin_end, on_pin_end, image_end)):
        button.click(pin, parts.view, [parts.view, target], show_progress="hidden").then(
            on_position, [parts.view, position], image_between, show_progress="hidden"
        )
    position.change(on_position, [parts.view, position], image_between, **QUICK)
    parts.on_download(make_video, on_video)
