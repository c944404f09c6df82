"""Peak memory of `--vis` with every layer's maps, for few and for many images.

    python benchmarks/visualize_memory.py [--resolution 256] [--few 20] [--many 200]

Each number of images is drawn in a process of its own. The peak must not grow with the number.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time


def draw(resolution: int, count: int, components: int) -> None:
    """Draws images with all maps of an untrained model and prints peak memory and time."""
    from gansformer_tf.config import GANsformerConfig
    from gansformer_tf.config.presets import preset
    from gansformer_tf.config.visualize import VisualizeConfig
    from gansformer_tf.models import build_generator
    from gansformer_tf.visualize.run import visualize

    fields = {**preset("gansformer-default")["generator"], "resolution": resolution}
    fields |= {"num_components": components, "latent_size": 32 * components}
    generator = build_generator(GANsformerConfig(**fields))
    only_maps = dict.fromkeys(
        ("interpolations", "noise_variance", "style_mixing", "truncation_sweep", "ablation"), False
    )
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        visualize(generator, folder, VisualizeConfig(num=count, maps=True, layer_maps=True, **only_maps))
    seconds = time.monotonic() - started
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--components", type=int, default=16)
    parser.add_argument("--few", type=int, default=20)
    parser.add_argument("--many", type=int, default=200)
    parser.add_argument("--draw", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.draw:
        draw(arguments.resolution, arguments.draw, arguments.components)
        return
    peaks = {}
    print(f"{'images':>8}  {'peak MB':>8}  {'seconds':>8}   {arguments.resolution}x{arguments.resolution}")
    for count in (arguments.few, arguments.many):
        command = [sys.executable, __file__, "--draw", str(count), "--components", str(arguments.components)]
        command += ["--resolution", str(arguments.resolution)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        peaks[count], seconds = (float(word) for word in done.stdout.split()[-2:])
        print(f"{count:8d}  {peaks[count]:8.0f}  {seconds:8.1f}", flush=True)
    print(f"ratio {peaks[arguments.many] / peaks[arguments.few]:.3f} (limit 1.10), peak limit 2560 MB")


if __name__ == "__main__":
    main()
