"""Latency of an exported model over gRPC on the loopback interface, by batch size and number of clients.

    python benchmarks/serving.py [--model PATH] [--resolution 64] [--requests 200] [--noise-mode random]

The server is the stand-in of the tests: TensorFlow's runtime behind the messages of TensorFlow Serving, in a process of
its own. A quarter of the requests of the last row have bad shapes, which must not slow the good ones down.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # the server would print every request that it refuses
sys.path.insert(0, str(Path(__file__).parents[1]))

ROWS = (("1 client, 1 image", 1, (1,), 0), ("1 client, 8 images", 1, (8,), 0), ("8 clients, 1 image", 8, (1,), 0))
ROWS += (("200 clients, 1 to 8 images", 200, (1, 2, 4, 8), 0), ("the same, a quarter bad", 200, (1, 2, 4, 8), 4))


def serve(folder: str, pipe: Any) -> None:
    """Serves until it is told to stop."""
    from tests.export.prediction_service import ServedModel, grpc_server

    with grpc_server(ServedModel(folder), workers=multiprocessing.cpu_count()) as address:
        pipe.send(address)
        pipe.recv()


def export(arguments: argparse.Namespace, folder: str) -> None:
    from gansformer_tf.config import GANsformerConfig
    from gansformer_tf.config.presets import preset
    from gansformer_tf.export import export_saved_model
    from gansformer_tf.export.run import export as export_snapshot
    from gansformer_tf.models import build_generator

    if arguments.model:
        export_snapshot("saved_model", arguments.model, folder, noise_mode=arguments.noise_mode)
        return
    fields = {**preset("gansformer-default")["generator"], "resolution": arguments.resolution}
    export_saved_model(build_generator(GANsformerConfig(**fields)), folder, noise_mode=arguments.noise_mode)


def measure(
    client: Any, clients: int, sizes: tuple[int, ...], bad_every: int, requests: int
) -> tuple[list[float], int]:
    """(seconds of every good request, number of bad ones that were refused)."""
    from gansformer_tf.export import ServingError
    from gansformer_tf.export.client import image_inputs

    def ask(index: int) -> float | None:
        inputs = image_inputs([index + row for row in range(sizes[index % len(sizes)])])
        if bad_every and index % bad_every == bad_every - 1:
            try:
                client.predict("serving_default", inputs | {"truncation_psi": np.ones(99, np.float32)})
            except ServingError as error:
                if error.code == "INVALID_ARGUMENT":
                    return None
                raise
            raise SystemExit("a bad request was answered")
        started = time.perf_counter()
        client.predict("serving_default", inputs)
        return time.perf_counter() - started

    with ThreadPoolExecutor(clients) as threads:
        found = list(threads.map(ask, range(requests)))
    times = [seconds for seconds in found if seconds is not None]
    return times, len(found) - len(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a run folder or snapshot instead of an untrained model")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--noise-mode", choices=("random", "const", "none"), default="random")
    arguments = parser.parse_args()

    from gansformer_tf.export import Client

    with tempfile.TemporaryDirectory() as folder:
        export(arguments, folder)
        context = multiprocessing.get_context("spawn")
        pipe, other = context.Pipe()
        server = context.Process(target=serve, args=(folder, other), daemon=True)
        server.start()
        with Client(pipe.recv(), timeout=600) as client:
            client.png([0])  # the first request prepares the graph
            print("| requests | answered | refused | median ms | 95 % ms | longest ms | images/s |")
            print("|---|---|---|---|---|---|---|")
            for name, clients, sizes, bad_every in ROWS:
                started = time.perf_counter()
                times, refused = measure(client, clients, sizes, bad_every, arguments.requests)
                seconds = time.perf_counter() - started
                good = [i for i in range(arguments.requests) if not (bad_every and i % bad_every == bad_every - 1)]
                images = sum(sizes[index % len(sizes)] for index in good)
                cuts = [1000 * value for value in statistics.quantiles(times, n=20)]
                row = [len(times), refused, f"{cuts[9]:.0f}", f"{cuts[18]:.0f}", f"{1000 * max(times):.0f}"]
                print(f"| {name} | {' | '.join(map(str, row))} | {images / seconds:.1f} |", flush=True)
        pipe.send("stop")
        server.join(10)


if __name__ == "__main__":
    main()
