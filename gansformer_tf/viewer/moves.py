"""Sliders of directions in w."""

from __future__ import annotations

import gradio as gr

from gansformer_tf.drawing.directions import METHODS
from gansformer_tf.viewer.parts import Parts
from gansformer_tf.viewer.session import DIRECTIONS
from gansformer_tf.viewer.state import Tab

_FURTHEST = 5.0  # standard deviations of w


def add_moves(parts: Parts) -> list[gr.Slider]:
    """The section; its sliders are the last of the controls."""
    names = parts.session.names
    with gr.Accordion("Directions", open=False, elem_id="directions"):
        with gr.Row():
            method = gr.Radio(list(METHODS), value=METHODS[0], label="Found by", elem_id="method")
            latent = gr.Dropdown(
                [(name, index) for index, name in enumerate(names)],
                value=len(names) - 1,
                label="Moves",
                elem_id="latent",
            )
        sliders = [
            gr.Slider(-_FURTHEST, _FURTHEST, 0.0, step=0.1, label=f"Direction {index}", elem_id=f"move-{index}")
            for index in range(min(DIRECTIONS, parts.session.config.style_dim))
        ]
    parts.controls += sliders
    parts.which += [method, latent]

    def on_which(view: Tab, method: str, latent: int) -> list[float]:
        return parts.values_of(view.image.state, method, latent)[-len(sliders) :]

    for control in (method, latent):
        control.change(on_which, [parts.view, method, latent], sliders, show_progress="hidden")
    return sliders
