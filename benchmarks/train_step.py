"""Seconds per training phase and pictures per second, beside what the machine's convolutions would allow.

    python benchmarks/train_step.py [--models code,simplex] [--resolutions 64] [--widths small,default] [--repeats 5]
                                    [--only-generate] [--recompute] [--precision float32|bfloat16|mixed]

Models: code and paper (gansformer-default in both forms of duplex attention), simplex, stylegan2, stylegan3-t,
stylegan3-r, creps. Widths: channel base and maximum of 32768/512 (default) or 8192/128 (small). Each line is a process
of its own: seconds of a phase with 8 pictures (medians), G + D together, pictures per second of the generator alone,
operations counted in the graphs (GFLOP), and which share of the rate of a plain convolution, measured in the same
process before and after, they reach. Peak is the resident memory of the process in GB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

BATCH = 8
WIDTHS = {"default": (32768, 512), "small": (8192, 128)}
MODELS = ("code", "paper", "simplex", "stylegan2", "stylegan3-t", "stylegan3-r", "creps")
FAMILIES = {"stylegan3-t": "StyleGAN3-T", "stylegan3-r": "StyleGAN3-R", "creps": "CREPS"}
WIDER = {"stylegan3-r": 2, "creps": 2}  # generators with twice the channels, as published
# (model, resolution, width) -> pictures per second, seconds of G + D with 8 pictures, GB: the PyTorch peers on a quiet
# machine with two cores. Leads, not measurements of this run.
PEERS = {
    ("code", 64, "default"): (1.67, 25.0, 5.3),
    ("code", 64, "small"): (16.9, 2.1, 1.8),
    ("code", 128, "small"): (6.3, 5.6, 3.0),
    ("stylegan2", 64, "default"): (3.16, 17.9, 3.4),
    ("stylegan2", 64, "small"): (41.8, 1.3, 1.2),
    ("stylegan2", 128, "small"): (18.2, 3.3, 1.7),
    ("creps", 64, "default"): (4.98, 14.1, 5.6),
    ("creps", 64, "small"): (32.3, 1.5, 1.9),
    ("creps", 128, "small"): (4.75, 5.2, 4.7),
    ("stylegan3-t", 64, "small"): (1.12, 18.3, 7.4),
}


def networks(model: str, resolution: int, width: str, precision: str) -> tuple[Any, Any, Any]:
    """Generator, discriminator and the average; the published default has no attention in the discriminator."""
    from gansformer_tf.config import DiscriminatorConfig, GeneratorConfig
    from gansformer_tf.config.model import GENERATOR_FAMILIES
    from gansformer_tf.config.presets import form_values, merge_sections, preset
    from gansformer_tf.models import Discriminator, Generator
    from gansformer_tf.models.families import build_generator
    from gansformer_tf.training.trainer import dtype_policy

    base, most = WIDTHS[width]
    geometry = {"resolution": resolution, "channel_base": base, "channel_max": most}
    dtype = dtype_policy(precision)
    if model in FAMILIES:
        geometry["channel_base"] //= 2  # theirs is divided by the resolution, ours by half of it
        sections, wider = preset(FAMILIES[model]), WIDER.get(model, 1)
        channels = {"channel_base": wider * geometry["channel_base"], "channel_max": wider * most}
        g_values = sections["generator"] | geometry | channels
        family: Any = GENERATOR_FAMILIES[g_values["family"]]
        generator, average = (build_generator(family(**g_values), **options) for options in ({"dtype": dtype}, {}))
        average.set_weights(generator.get_weights())
        d_config = DiscriminatorConfig(**(sections["discriminator"] | geometry))
        return generator, Discriminator(d_config, dtype=dtype), average
    sections = preset("StyleGAN2") if model == "stylegan2" else preset("gansformer-default")
    if model == "paper":
        sections = merge_sections(sections, form_values("paper"))
    changes = {"kmeans": False} if model == "simplex" else {}
    g_config = GeneratorConfig(**(sections["generator"] | geometry | changes))
    d_config = DiscriminatorConfig(**(sections["discriminator"] | geometry))
    generator = Generator(g_config, dtype=dtype)
    average = Generator(g_config, name="ema_generator")
    average.set_weights(generator.get_weights())
    return generator, Discriminator(d_config, dtype=dtype), average


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One model in this process."""
    import numpy as np
    import tensorflow as tf

    from benchmarks.flops import convolution_rate, graph_flops, median_seconds
    from gansformer_tf.config import TrainConfig
    from gansformer_tf.training.logs import peak_memory_mb
    from gansformer_tf.training.step import PHASES, TrainStep

    tf.config.optimizer.set_experimental_options({"remapping": False})
    generator, discriminator, average = networks(
        arguments.model, arguments.resolution, arguments.width, arguments.precision
    )
    config = generator.config
    rates = [convolution_rate()]
    z = tf.random.normal((BATCH, config.num_latents, config.latent_dim))
    draw = tf.function(lambda z: generator(z, noise_mode="const"), autograph=False)
    flops = {"generate": graph_flops(draw.get_concrete_function(z).graph)}
    seconds = {"generate": 0.0}
    draw(z)
    seconds["generate"] = median_seconds(lambda: draw(z).numpy()[0, 0, 0, 0], arguments.repeats)
    if not arguments.only_generate:
        train = TrainConfig(
            batch_size=BATCH, batch_size_per_replica=BATCH, path_length=True, recompute=arguments.recompute, jit="off"
        )
        step = TrainStep(generator, discriminator, average, train)
        images = tf.zeros((BATCH, arguments.resolution, arguments.resolution, 3), tf.uint8)
        labels = np.zeros((BATCH, 0), np.float32)
        for phase in PHASES:
            flops[phase] = graph_flops(step.trace(phase, images, tf.constant(labels)))
        step.run(0, images, labels)
        found = [step.run(16 * number, images, labels) for number in range(1, arguments.repeats + 1)]
        for phase in (*PHASES, "EMA"):
            seconds[phase] = float(np.median([record[f"seconds/{phase}"] for record in found]))
    rates.append(convolution_rate())
    return {"seconds": seconds, "flops": flops, "rate": max(rates), "peak": peak_memory_mb() / 1e3}


def row(key: tuple[str, int, str], found: dict[str, Any]) -> str:
    seconds, flops, rate = found["seconds"], found["flops"], found["rate"]
    speed = BATCH / seconds["generate"]
    cells = [f"{key[0]} {key[1]} {key[2]}", f"{speed:.2f}", f"{flops['generate'] / BATCH / 1e9:.1f}"]
    cells.append(f"{flops['generate'] / seconds['generate'] / rate:.0%}")
    peer = PEERS.get(key)
    cells.append(f"{speed / peer[0]:.1f}x" if peer else "-")
    if "G" in seconds:
        main = seconds["G"] + seconds["D"]
        cells += [f"{seconds[name]:.2f}" for name in ("G", "D", "D_reg", "G_reg", "EMA")]
        cells += [f"{main:.2f}", f"{(flops['G'] + flops['D']) / 1e9:.0f}"]
        cells.append(f"{(flops['G'] + flops['D']) / main / rate:.0%}")
        cells.append(f"{peer[1] / main:.1f}x" if peer else "-")
        cells += [f"{found['peak']:.1f}", f"{found['peak'] / peer[2]:.2f}x" if peer else "-"]
    return f"| {' | '.join([*cells, f'{rate / 1e9:.0f}'])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="code,simplex,stylegan2")
    parser.add_argument("--resolutions", default="64")
    parser.add_argument("--widths", default="small,default")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only-generate", action="store_true")
    parser.add_argument("--recompute", action="store_true")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "mixed"))
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        arguments.model, arguments.resolution, arguments.width = arguments.one
        arguments.resolution = int(arguments.resolution)
        print(json.dumps(measure(arguments)))
        return
    header = ["model", "img/s", "GFLOP/img", "of conv", "peer"]
    if not arguments.only_generate:
        header += ["G s", "D s", "R1 s", "path s", "EMA s", "G+D s", "GFLOP", "of conv", "peer", "peak GB", "peer"]
    header.append("conv GFLOP/s")
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}", flush=True)
    for width in arguments.widths.split(","):
        for resolution in arguments.resolutions.split(","):
            for model in arguments.models.split(","):
                command = [sys.executable, __file__, "--one", model, resolution, width, *sys.argv[1:]]
                done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
                if done.returncode:
                    print(f"{model} {resolution} {width} failed: {done.stderr.strip().splitlines()[-1]}", flush=True)
                    continue
                print(row((model, int(resolution), width), json.loads(done.stdout.splitlines()[-1])), flush=True)


if __name__ == "__main__":
    main()
