"""What was shown before: undo, pinned images, before and after."""

from __future__ import annotations

from dataclasses import replace

import gradio as gr
import numpy as np

from gansformer_tf.viewer.parts import Parts
from gansformer_tf.viewer.state import Tab
from gansformer_tf.visualize.grids import readable


def add_history(parts: Parts, undo: gr.Button, pin: gr.Button) -> None:
    """The sections, and what they and the two buttons do."""
    session = parts.session
    with gr.Accordion("Pinned", open=False, elem_id="pinned"):
        gr.Markdown("Click to go back to one.")
        parts.pins.render()
    with gr.Accordion("Before and after", open=False, elem_id="compare") as section:
        both = gr.ImageSlider(
            label="The seed or the photo, and now", interactive=False, buttons=[], format="png", elem_id="both"
        )
        again = gr.Button("Compare again", size="sm", elem_id="compare-again")
    chosen = gr.State(0)

    def on_undo(view: Tab) -> Tab:
        if not view.past:
            raise gr.Error("There is nothing to undo.")
        back = parts.draw(view, view.past[-1])
        return replace(back, past=view.past[:-1])

    def on_pin(view: Tab) -> Tab:
        return replace(view, pins=(*view.pins, view.image))

    def on_choose(event: gr.SelectData) -> int:
        return int(event.index)

    def back(view: Tab, index: int) -> Tab:
        return view.show(view.pins[index])

    def on_compare(view: Tab) -> tuple[np.ndarray, np.ndarray]:
        state = view.image.state
        before = None if state.photo is None else state.photo.target
        if before is None:
            with parts.busy:
                before = session.draw(state.unchanged).pixels
        return readable(before, session.view_height), readable(view.image.pixels, session.view_height)

    undo.click(**parts.changes(on_undo, []))
    parts.show_pins(pin.click(on_pin, parts.view, parts.view, show_progress="hidden"))
    parts.pins.select(on_choose, None, chosen, show_progress="hidden").success(**parts.changes(back, [chosen]))
    for event in (section.expand, again.click):
        event(on_compare, parts.view, both, show_progress="hidden")
