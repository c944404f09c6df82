"""Time from a slider of the viewer to the new image in the browser.

    python benchmarks/viewer_latency.py [--resolution 64] [--model PATH] [--moves 20]

Needs Chromium and the extras [viewer] and [test]. The goal is a median under 0.5 s for a 64x64 model on 2 cores.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time

WAIT_FOR_NEW_IMAGE = """before => {
  const image = document.querySelector('#image img');
  return image && image.complete && image.getAttribute('src') !== before;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--model", help="a run folder or snapshot instead of an untrained model")
    parser.add_argument("--moves", type=int, default=20)
    arguments = parser.parse_args()

    from playwright.sync_api import sync_playwright

    from gansformer_tf.config import GANsformerConfig
    from gansformer_tf.config.presets import preset
    from gansformer_tf.models import build_generator
    from gansformer_tf.models.snapshot import load_snapshot
    from gansformer_tf.viewer.page import THEME, build_page
    from gansformer_tf.viewer.session import ImageState, ViewerSession

    if arguments.model:
        generator = load_snapshot(arguments.model).generator
    else:
        fields = {**preset("gansformer-default")["generator"], "resolution": arguments.resolution}
        generator = build_generator(GANsformerConfig(**fields))
    session = ViewerSession(generator)
    page = build_page(session, "latency")
    drawing = []
    for seed in range(arguments.moves):
        started = time.perf_counter()
        session.draw(ImageState(seed=seed))
        drawing.append(time.perf_counter() - started)
    _, url, _ = page.launch(quiet=True, prevent_thread_lock=True, theme=THEME)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page()
        tab.goto(url)
        tab.wait_for_selector("#image img")
        latencies = []
        for move in range(arguments.moves + 2):
            before = tab.get_attribute("#image img", "src")
            tab.fill("#psi input[type=number]", f"{0.05 * (1 + move % 20):.2f}")
            started = time.perf_counter()
            tab.press("#psi input[type=number]", "Enter")
            tab.wait_for_function(WAIT_FOR_NEW_IMAGE, arg=before, polling=5)
            latencies.append(time.perf_counter() - started)
        browser.close()
    page.close()
    latencies = latencies[2:]  # the first ones open the connection
    print(f"{generator.config.height}x{generator.config.width}, {generator.count_params():,} parameters")
    print(f"drawing alone      median {statistics.median(drawing) * 1000:6.0f} ms  worst {max(drawing) * 1e3:6.0f} ms")
    print(
        f"slider to image  median {statistics.median(latencies) * 1000:6.0f} ms  worst {max(latencies) * 1e3:6.0f} ms"
    )


if __name__ == "__main__":
    main()
