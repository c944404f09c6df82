"""Components: which one draws a place, another of its kind, one of a gallery of seeds, one under a mask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from gansformer_tf.viewer.edits import gallery, resample_under
from gansformer_tf.viewer.parts import Parts, gallery_of_images, said
from gansformer_tf.viewer.state import Tab
from gansformer_tf.visualize.grids import readable
from gansformer_tf.visualize.palette import COMPONENT_COLORS, component_colors

_SEEDS = 12  # in the gallery


def add_clicks(parts: Parts, region: gr.Markdown, resample: gr.Button) -> None:
    """A click into the image selects the component that draws the place; a button draws it anew."""
    session = parts.session

    def on_click(view: Tab, layer: int, head: int, event: gr.SelectData) -> tuple[Tab, str]:
        factor = _factor(parts, view)
        x, y = (int(value) // factor for value in event.index)
        component, weight = session.component_at(view.image, x, y, int(layer), int(head))
        return replace(view, selected=component), region_text(session.names[component], component, weight, x, y)

    def on_resample(view: Tab) -> Tab:
        if view.selected is None:
            raise gr.Error("Click into the image first: no component is selected.")
        return parts.draw(view, view.image.state.resample(view.selected))

    def on_selected(view: Tab, *shown: Any) -> Any:
        return parts.show(view, *shown) if shown[-1] else gr.skip()  # the image changes where it is shown alone

    parts.image.select(on_click, [parts.view, *parts.display[1:3]], [parts.view, region], show_progress="hidden").then(
        on_selected, [parts.view, *parts.display], parts.image, show_progress="hidden"
    )
    resample.click(**parts.changes(on_resample, []))


def add_gallery(parts: Parts) -> None:
    """A component from another seed."""
    session = parts.session
    names = session.names[: session.config.num_components]
    with gr.Accordion("A component from other seeds", open=False, elem_id="others"):
        with gr.Row():
            component = gr.Dropdown(
                [(name, index) for index, name in enumerate(names)],
                value=0,
                label="Component",
                min_width=120,
                elem_id="component",
            )
            first = gr.Number(1, label="First seed", min_width=80, precision=0, minimum=0, elem_id="first-seed")
        look = gr.Button("Show the seeds", size="sm", elem_id="look")
        gr.Markdown("Where the component draws is bright; click into an image to take it from there.")
        shown = gallery_of_images(elem_id="gallery")
    chosen = gr.State(0)

    def on_look(view: Tab, component: int, first: float) -> list[np.ndarray]:
        seeds = range(int(first or 0), int(first or 0) + _SEEDS)
        with said(), parts.busy:
            return gallery(session, view.image.state, seeds, int(component))

    def on_choose(first: float, event: gr.SelectData) -> int:
        return int(first or 0) + int(event.index)

    def take(view: Tab, component: int, seed: int) -> Tab:
        return parts.draw(view, view.image.state.take(int(component), seed))

    look.click(on_look, [parts.view, component, first], shown)
    shown.select(on_choose, first, chosen, show_progress="hidden").success(**parts.changes(take, [component, chosen]))


def add_mask(parts: Parts) -> None:
    """A mask is drawn, and the component that shows most under it is drawn anew."""
    session = parts.session
    with gr.Accordion("Draw anew under a mask", open=False, elem_id="masking") as section:
        gr.Markdown("Paint where it may change.")
        editor = gr.ImageMask(
            label="Mask",
            sources=(),
            transforms=(),
            brush=gr.Brush(colors=["#ffffff"], color_mode="fixed", default_size=40),
            buttons=[],
            elem_id="mask",
        )
        with gr.Row():
            anew = gr.Button("Draw anew", variant="primary", min_width=80, elem_id="anew")
            again = gr.Button("Begin again", min_width=80, elem_id="again")
        told = gr.Markdown(elem_id="share")

    def load(view: Tab) -> dict[str, Any]:
        return {"background": readable(view.image.pixels, session.view_height), "layers": [], "composite": None}

    def on_anew(view: Tab, drawn: dict[str, Any] | None) -> tuple[Tab, str]:
        factor = _factor(parts, view)
        layers = [layer[factor // 2 :: factor, factor // 2 :: factor, -1] > 0 for layer in (drawn or {})["layers"]]
        with said(), parts.busy:
            image, component, share = resample_under(session, view.image, np.any(layers, axis=0) if layers else None)
        told = f"Component {component} was drawn anew; {share:.0%} of the change falls under the mask."
        return view.show(image), told

    for event in (section.expand, again.click):
        event(load, parts.view, editor, show_progress="hidden")
    done = anew.click(on_anew, [parts.view, editor], [parts.view, told], show_progress="hidden")
    done.success(**parts.changes(lambda view: view, [])).success(load, parts.view, editor, show_progress="hidden")


def region_text(name: str, component: int, weight: float, x: int, y: int) -> str:
    """What is said about a clicked pixel, with the component's colour in the maps."""
    colors = component_colors(len(COMPONENT_COLORS))
    red, green, blue = colors[component] if component < len(COMPONENT_COLORS) else (0, 0, 0)
    swatch = f'<span style="background:rgb({red},{green},{blue});padding:0 .8em;border:1px solid #444"></span>'
    return f"{swatch} **{name}** draws pixel ({x}, {y}), with {weight:.0%} of the attention there."


def _factor(parts: Parts, view: Tab) -> int:
    """How much larger the image is shown."""
    pixels = view.image.pixels
    return readable(pixels, parts.session.view_height).shape[0] // pixels.shape[0]
