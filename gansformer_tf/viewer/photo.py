"""A photo becomes an image of the model: projection with progress and cancel, or what was projected before."""

from __future__ import annotations

from dataclasses import replace

import gradio as gr

from gansformer_tf.cli.project import report
from gansformer_tf.config.project import SPACES
from gansformer_tf.viewer.edits import open_photos, project_photo, state_of
from gansformer_tf.viewer.parts import Parts, said
from gansformer_tf.viewer.state import Photo, Tab

_STEPS = 200
_PROGRESS = gr.Progress()  # tells Gradio that the function reports its own


def add_photo(parts: Parts) -> None:
    """The section, and what it does."""
    session = parts.session
    stopped: set[str | None] = set()  # sessions of browsers in which Cancel was pressed
    with gr.Accordion("Your photo", open=False, elem_id="photo"):
        # Not an Image, whose own errors about what is none are long.
        upload = gr.File(label="Drop a photo", file_types=["image"], height=140, elem_id="upload")
        steps = gr.Slider(10, 1000, _STEPS, step=10, label="Steps", elem_id="steps")
        space = gr.Radio(list(SPACES), value=SPACES[0], label="What is moved", elem_id="space")
        with gr.Row():
            start = gr.Button("Project", variant="primary", min_width=80, elem_id="project")
            cancel = gr.Button("Cancel", min_width=80, elem_id="cancel")
        told = gr.Markdown("The photo is cropped to the model's size.", elem_id="told", min_height=90)
        file = gr.UploadButton("Open a projected_w.npz", file_types=[".npz"], size="sm", elem_id="open-w")
    found = gr.State([])

    def on_project(
        path: str | None, steps: float, space: str, request: gr.Request, progress: gr.Progress = _PROGRESS
    ) -> tuple[list[Photo], str]:
        if path is None:
            raise gr.Error("There is no photo; drop one first.")
        stopped.discard(request.session_hash)

        def proceed(done: int) -> bool:
            progress((done, int(steps)), desc="Projecting" if done else "Looking for a start")
            return request.session_hash not in stopped

        with said():
            photo, result = project_photo(session, path, int(steps), space, proceed)
        lines = [*report(result), *result.notes]
        if result.steps < steps:
            lines.append(f"Stopped after {result.steps} of {int(steps)} steps; this is what there was.")
        return [photo], "\n\n".join(lines)

    def on_open(path: str) -> tuple[list[Photo], str]:
        with said():
            photos = open_photos(session, path)
        return photos, f"{len(photos)} in the file; each is pinned."

    def show(view: Tab, photos: list[Photo]) -> Tab:
        state = view.image.state
        if len(photos) > 1:
            pins = tuple(session.draw(state_of(photo, state)) for photo in photos)
            view = replace(view, pins=(*view.pins, *pins))
        return parts.draw(view, state_of(photos[0], state))

    def on_cancel(request: gr.Request) -> None:
        stopped.add(request.session_hash)

    running = start.click(on_project, [upload, steps, space], [found, told], show_progress_on=told)
    opened = file.upload(on_open, file, [found, told], show_progress_on=told)
    for event in (running, opened):
        parts.show_pins(event.success(**parts.changes(show, [found])))
    cancel.click(on_cancel, None, None, queue=False)
