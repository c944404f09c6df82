"""What is downloaded: the image, its latents, and a video of what was changed."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from gansformer_tf.drawing.projected_w import write_projected_w
from gansformer_tf.image_files import IMAGE, SOFTWARE, save_image
from gansformer_tf.viewer.parts import Parts
from gansformer_tf.viewer.session import ViewerSession
from gansformer_tf.viewer.state import Drawn, Tab
from gansformer_tf.visualize.grids import readable
from gansformer_tf.visualize.video import there_and_back, write_mp4


def add_exports(parts: Parts, model: str) -> None:
    """The section, and what its buttons make; `model` identifies the weights in a downloaded image."""
    session = parts.session
    with gr.Accordion("Download", open=False, elem_id="downloads"):
        image = gr.Button("This image", size="sm", elem_id="download")
        latents = gr.Button("Its latents", size="sm", elem_id="latents")
        video = gr.Button("A video of what was changed", size="sm", elem_id="video-changes")

    def make_image(view: Tab, folder: Path) -> Path:
        state = view.image.state
        path = folder / f"{state.name}.png"
        save_image(path, view.image.pixels, {"software": SOFTWARE, "kind": IMAGE, "model": model, **state.describe()})
        return path

    def make_latents(view: Tab, folder: Path) -> Path:
        state = view.image.state
        path = folder / f"{state.name}-projected_w.npz"
        write_projected_w(path, view.image.w, [state.name], session.noise(state))
        return path

    def make_video(view: Tab, folder: Path) -> Path:
        state = view.image.state
        if state == state.unchanged:
            raise ValueError("Nothing is changed yet, so a video would stand still; move a slider first.")
        with parts.busy:
            return write_way(session, session.draw(state.unchanged), view.image, folder / f"{state.name}.mp4")

    for button, make in ((image, make_image), (latents, make_latents), (video, make_video)):
        parts.on_download(button, make)


def write_way(session: ViewerSession, start: Drawn, end: Drawn, path: Path) -> Path:
    """A video from one image to another and back."""
    frames = [readable(frame, session.view_height) for frame in session.way(start, end)]
    write_mp4(path, there_and_back(frames))
    return path
