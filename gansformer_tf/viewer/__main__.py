"""`python -m gansformer_tf.viewer --model PATH`."""

from __future__ import annotations

import argparse
import importlib.util
from typing import NoReturn

from gansformer_tf.cli.common import Parser, RunError, UsageError, run_script
from gansformer_tf.cli.snapshots import MODEL_HELP, model_file
from gansformer_tf.cli.values import gpu_list
from gansformer_tf.terminal import path

LOOPBACK = "127.0.0.1"


def build_parser(prog: str | None = None) -> Parser:
    """All flags of the viewer."""
    parser = Parser(
        prog=prog or "python -m gansformer_tf.viewer",
        description="Starts a page in the browser to look into a trained model.",
        usage="%(prog)s --model PATH [options]",
    )
    parser.add_argument("--model", type=path, metavar="PATH", help=MODEL_HELP)
    parser.add_argument("--port", type=int, metavar="N", help="port (default: the first free one from 7860 on)")
    parser.add_argument("--host", help=f"address to listen on (default: {LOOPBACK}, this machine only)")
    parser.add_argument("--gpus", type=gpu_list, metavar="LIST", help="GPU number (default: 0)")
    return parser


def main(arguments: argparse.Namespace) -> int:
    """Serves the page until it is interrupted.

    Raises:
        UsageError: No model was named or it cannot be read.
        RunError: Gradio is missing, or the port is taken.
    """
    given = vars(arguments)
    if "model" not in given:
        raise UsageError("--model is missing; name a run folder or a snapshot: --model results/NAME-000")
    if importlib.util.find_spec("gradio") is None:
        raise RunError("the viewer needs Gradio; install it with: pip install 'gansformer-tf[viewer]'")
    from gansformer_tf.cli.devices import select_devices

    select_devices(given.get("gpus", (0,)))
    from gansformer_tf.files import sha256_of
    from gansformer_tf.models.snapshot import load_snapshot
    from gansformer_tf.viewer.session import ViewerSession

    try:
        model = model_file(given["model"])
        session = ViewerSession(load_snapshot(model.path).generator)
    except ValueError as error:  # a snapshot that cannot be read, a family without w
        raise UsageError(str(error)) from error
    from gansformer_tf.viewer.page import CSS, THEME, build_page

    print("Preparing the model ...", flush=True)
    page = build_page(session, model.title, sha256_of(model.path))
    host = given.get("host", LOOPBACK)
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=given.get("port"),
            share=False,
            show_error=True,
            quiet=True,
            prevent_thread_lock=True,
            footer_links=[],
            theme=THEME,
            css=CSS,
        )
    except OSError as error:
        raise RunError(f"cannot listen on {host} ({error}); choose another --port.") from error
    print(f"Open {address} in a browser. Ctrl-C ends the viewer.", flush=True)
    session.warm_up()  # while the browser opens
    page.block_thread()
    return 0


def run(prog: str | None = None) -> NoReturn:
    """The command; `prog` is what it is called where it is not called by its own name."""
    run_script(build_parser(prog), main)


if __name__ == "__main__":
    run()
