"""The page: the image and what it shows on the left, the controls on the right."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import gradio as gr

from gansformer_tf.config.generator import NOISE_MODES
from gansformer_tf.viewer.between import add_between
from gansformer_tf.viewer.components import add_clicks, add_gallery, add_mask
from gansformer_tf.viewer.exports import add_exports
from gansformer_tf.viewer.history import add_history
from gansformer_tf.viewer.moves import add_moves
from gansformer_tf.viewer.parts import QUICK, Parts, gallery_of_images
from gansformer_tf.viewer.photo import add_photo
from gansformer_tf.viewer.session import OVERLAYS, ViewerSession
from gansformer_tf.viewer.state import Tab

MAX_SEED = 2**32 - 1
HINT = "Click into the image to see which component draws a region."
NO_ATTENTION = "This model has no attention, so there are no components to select, take or mask."
# No fonts or scripts from elsewhere: the page works without a network.
THEME = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
# The image stays in sight while the controls beside it, on a phone below it, are scrolled.
CSS = """
.gradio-container {overflow: clip !important}
#left {position: sticky; top: 0; align-self: flex-start; z-index: 100; background: var(--background-fill-primary)}
@media (max-width: 700px) {
  #image img {max-height: 28vh}
  #region p {margin: 0; font-size: 0.8em}
  .grid-container {grid-template-columns: repeat(3, minmax(0, 1fr)) !important}
}
"""
_CACHE_SECONDS = (600, 3600)  # every ten minutes images older than an hour are removed from Gradio's cache


def build_page(session: ViewerSession, title: str, model: str = "") -> gr.Blocks:
    """The page of one model.

    Args:
        session: Draws the images.
        title: Shown above the page.
        model: What identifies the weights, kept in downloaded images.
    """
    first = Tab(session.draw(session.first))
    layers = [attention.shape[:3] for attention in first.image.attention]
    downloads = TemporaryDirectory(prefix="gansformer-viewer-")
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=_CACHE_SECONDS) as page:
        view = gr.State(first)
        gr.Markdown(f"## {title}")
        with gr.Row():
            with gr.Column(scale=3, min_width=320, elem_id="left"):
                image = gr.Image(
                    session.overlay(first.image, "image"),
                    label="Image",
                    format="png",
                    interactive=False,
                    buttons=["fullscreen"],
                    elem_id="image",
                )
                region = gr.Markdown(HINT if session.attends else NO_ATTENTION, elem_id="region")
                with gr.Row():
                    undo = gr.Button("Undo", size="sm", min_width=80, elem_id="undo")
                    pin = gr.Button("Pin", size="sm", min_width=80, elem_id="pin")
            with gr.Column(scale=2, min_width=320):
                file = gr.DownloadButton(visible="hidden", elem_id="file")
                pins = gallery_of_images(render=False, elem_id="pins")
                parts = Parts(session, downloads, view, image, file, pins)
                next_seed, reset, strengths = _controls(parts)
                resample = _display(parts, layers)
                moves = add_moves(parts)
                add_photo(parts)
                if session.attends:
                    add_clicks(parts, region, resample)
                    add_gallery(parts)
                    add_mask(parts)
                add_history(parts, undo, pin)
                add_between(parts)
                add_exports(parts, model)

        for control in parts.controls:
            slider = control.elem_id if control in (*strengths, *moves, parts.controls[1]) else ""
            parts.follow(control, slider)
        next_seed.click(lambda value: (int(value or 0) + 1) % (MAX_SEED + 1), parts.controls[0], parts.controls[0])
        reset.click(lambda: [1.0] * len(strengths), None, strengths)
        for control in parts.display:
            control.change(parts.show, [view, *parts.display], image, **QUICK)
    return page


def _display(parts: Parts, layers: list[tuple[int, int, int]]) -> gr.Button:
    """How the image is shown, and a button that draws the selected component anew."""
    with gr.Accordion("Attention maps", open=False, visible=parts.session.attends, elem_id="maps"):
        kind = gr.Radio(list(OVERLAYS), value="image", label="Show", elem_id="kind")
        with gr.Row():
            layer = gr.Dropdown(
                [(f"{index}: {h}x{w}", index) for index, (_, h, w) in enumerate(layers)],
                value=max(len(layers) - 1, 0) if layers else None,
                label="Layer",
                elem_id="layer",
            )
            heads = max((heads for heads, _, _ in layers), default=1)
            head = gr.Dropdown(list(range(heads)), value=0, label="Head", elem_id="head")
        alpha = gr.Slider(0.0, 1.0, 0.6, step=0.05, label="Blend", elem_id="alpha")
        alone = gr.Checkbox(False, label="Only the selected component", elem_id="alone")
        resample = gr.Button("Re-sample the selected component", size="sm", elem_id="resample")
    parts.display += [kind, layer, head, alpha, alone]
    return resample


def _controls(parts: Parts) -> tuple[gr.Button, gr.Button, list[gr.Slider]]:
    """What the image is drawn from, appended to the controls of the page."""
    session = parts.session
    classes = session.config.label_dim
    with gr.Row():
        seed = gr.Number(0, label="Seed", min_width=120, precision=0, minimum=0, maximum=MAX_SEED, elem_id="seed")
        next_seed = gr.Button("Next seed", min_width=80, elem_id="next-seed")
    psi = gr.Slider(0.0, 1.5, session.first.truncation_psi, step=0.05, label="Truncation psi", elem_id="psi")
    noise = gr.Radio(list(NOISE_MODES), value="random", label="Noise", elem_id="noise")
    label = gr.Slider(0, max(classes - 1, 1), 0, step=1, label="Class", visible=bool(classes), elem_id="label")
    with gr.Accordion("Strength of each component", open=False, elem_id="strengths"):
        strengths = [
            gr.Slider(0.0, 2.0, 1.0, step=0.05, label=name, elem_id=f"strength-{index}")
            for index, name in enumerate(session.names)
        ]
        reset = gr.Button("Reset the strengths", size="sm", elem_id="reset")
    parts.controls += [seed, psi, noise, label, *strengths]
    return next_seed, reset, strengths
