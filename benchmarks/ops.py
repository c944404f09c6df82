"""Native ops, composites and PyTorch's reference formulation side by side on the CPU.

    python benchmarks/ops.py [--repeats 9] [--torch-python PATH] [--skip-memory] [--only up2,attention]

Milliseconds are medians of rounds in which every contestant runs once, so that other load on the machine meets all
of them. "composite" is TensorFlow's graph mode, "xla" the same function compiled with jit_compile=True. The PyTorch
column needs an interpreter that has torch (--torch-python; it is another process, asked in turn): zero insertion,
padding and grouped convolution, as the reference formulation of StyleGAN2-ADA and StyleGAN3 does it, channels first.
Memory is how far the peak of a fresh process rises above its inputs (Linux); the tokens are made inside the call, as
in a network, so whoever can write over them may.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TAPS = [1.0, 3.0, 3.0, 1.0]
# A window of StyleGAN3's length; its exact values do not matter for the time.
LONG = [math.sin(math.pi * (i + 1) / 13) ** 2 for i in range(12)]

# name -> (what, shape, targets as {contestant: times faster that native should be})
CASES: dict[str, dict[str, Any]] = {
    "up2": {"shape": (8, 128, 128, 64), "targets": {"best composite": 2.5, "torch": 10.0}},
    "down2": {"shape": (8, 128, 128, 64), "targets": {}},
    "filter": {"shape": (8, 128, 128, 64), "targets": {}},
    "up2 rgb": {"shape": (8, 128, 128, 3), "targets": {}},
    "filtered_lrelu": {"shape": (4, 128, 128, 64), "targets": {"composite": 4.0, "best composite": 4.0}},
    "bias_lrelu": {"shape": (8, 128, 128, 64), "targets": {}},
    "modulation": {"shape": (8, 64, 64, 128), "targets": {}},
    "token norm": {"shape": (8, 64, 64, 128), "targets": {}},
    "conv3x3 128": {"shape": (8, 64, 64, 128), "targets": {}},
    "conv3x3 512": {"shape": (8, 32, 32, 512), "targets": {}},
    "attention": {"shape": (4, 256, 256, 64), "targets": {"best composite": 1.5}},
    "attention 64": {"shape": (8, 64, 64, 256), "targets": {}},
    "centroids": {"shape": (4, 256, 256, 64), "targets": {}},
}
COMPONENTS = 16
ATTENTION_TARGET = 0.5  # of the composite's memory


# --- TensorFlow ------------------------------------------------------------------------------------------------


def tensorflow_case(name: str) -> tuple[Callable[..., Any], list[Any]]:
    """(function, inputs) of a case."""
    import tensorflow as tf

    from gansformer_tf import ops

    def draw(*shape: int) -> Any:
        return tf.random.stateless_normal(shape, [len(shape), 1])

    batch, height, width, channels = CASES[name]["shape"]
    taps, long = ops.setup_filter(TAPS), ops.setup_filter(LONG)
    x, bias = draw(batch, height, width, channels), draw(channels)
    if name.startswith("up2"):
        return lambda x: ops.upsample2d(x, taps), [x]
    if name == "down2":
        return lambda x: ops.downsample2d(x, taps), [x]
    if name == "filter":
        return lambda x: ops.filter2d(x, taps), [x]
    if name == "filtered_lrelu":
        return lambda x, b: ops.filtered_lrelu(x, long, long, b, up=2, down=2, padding=10, clamp=256.0), [x, bias]
    if name == "bias_lrelu":
        return lambda x, b: ops.bias_act(x, b, "lrelu"), [x, bias]
    if name == "modulation":
        return ops.scale_channels, [x, draw(batch, channels)]
    if name == "token norm":
        return ops.normalize_channels, [x]
    if name.startswith("conv3x3"):
        return ops.conv2d, [x, draw(3, 3, channels, channels)]
    tokens = tf.reshape(x, [batch, height * width, channels])
    if name == "centroids":
        probabilities = tf.nn.softmax(draw(batch, 1, height * width, COMPONENTS))
        return lambda x, p: ops.attention_centroids(x, p).centroids, [tokens, probabilities]
    arguments = [
        tokens,
        draw(batch, 1, channels, COMPONENTS) / math.sqrt(channels),
        draw(1, 1, height * width, COMPONENTS),
        draw(batch, 1, COMPONENTS, channels),
    ]
    return lambda x, w, b, v: ops.bipartite_attention(x, w, b, v, integration="mul").output, arguments


def tensorflow_runner(name: str, contestant: str, training: bool, fresh: bool = False) -> Callable[[], Any]:
    """A compiled call of the case; `training` adds the gradients of all inputs, `fresh` makes the first one inside."""
    import tensorflow as tf

    from gansformer_tf import ops

    function, inputs = tensorflow_case(name)

    def forward(*inputs: Any) -> Any:
        return function(inputs[0] + 1.0, *inputs[1:]) if fresh else function(*inputs)

    def with_gradients(*inputs: Any) -> Any:
        if fresh:
            inputs = (inputs[0] + 1.0, *inputs[1:])
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = function(*inputs)
        # The given gradient is y itself: a tensor of that shape which is there anyway.
        return tape.gradient(y, inputs, output_gradients=tf.stop_gradient(y))

    compiled = tf.function(with_gradients if training else forward, jit_compile=contestant == "xla", autograph=False)

    def run() -> None:
        with ops.implementation("native" if contestant == "native" else "composite"):
            compiled(*inputs)  # a CPU runs it before it returns

    return run


# --- PyTorch, in its own interpreter ---------------------------------------------------------------------------

TORCH = """
import json, math, sys, time
import torch
import torch.nn.functional as F

def upfirdn(x, taps, up=1, down=1, pad=(0, 0), gain=1.0):
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels, height, 1, width, 1)
    x = F.pad(x, [0, up - 1, 0, 0, 0, up - 1]).reshape(batch, channels, height * up, width * up)
    x = F.pad(x, [pad[0], pad[1], pad[0], pad[1]])
    taps = (taps * gain ** 0.5).flip(0)
    x = F.conv2d(x, taps[None, None, :, None].expand(channels, 1, -1, -1), groups=channels)
    x = F.conv2d(x, taps[None, None, None, :].expand(channels, 1, -1, -1), groups=channels)
    return x[:, :, ::down, ::down]

def joint(x, taps, up=1, down=1, pad=(0, 0), gain=1.0):
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels, height, 1, width, 1)
    x = F.pad(x, [0, up - 1, 0, 0, 0, up - 1]).reshape(batch, channels, height * up, width * up)
    x = F.pad(x, [pad[0], pad[1], pad[0], pad[1]])
    kernel = (torch.outer(taps, taps) * gain).flip([0, 1])
    x = F.conv2d(x, kernel[None, None].expand(channels, 1, -1, -1), groups=channels)
    return x[:, :, ::down, ::down]

def make(name, shape, taps, long, components):
    batch, height, width, channels = shape
    taps, long = (torch.tensor(t) / sum(t) for t in (taps, long))
    torch.manual_seed(0)
    x, b = torch.randn(batch, channels, height, width), torch.randn(channels)
    if name.startswith("up2"):
        return lambda x: joint(x, taps, up=2, pad=(2, 1), gain=4.0), [x]
    if name == "down2":
        return lambda x: joint(x, taps, down=2, pad=(1, 1)), [x]
    if name == "filter":
        return lambda x: joint(x, taps, pad=(2, 1)), [x]
    if name == "bias_lrelu":
        return lambda x, b: F.leaky_relu(x + b[:, None, None], 0.2) * math.sqrt(2), [x, b]
    if name == "modulation":
        return lambda x, s: x * s[:, :, None, None], [x, torch.randn(batch, channels)]
    if name.startswith("conv3x3"):
        return lambda x, w: F.conv2d(x, w, padding=1), [x, torch.randn(channels, channels, 3, 3)]
    if name == "filtered_lrelu":
        def function(x, b):
            y = upfirdn(x + b[:, None, None], long, up=2, pad=(10, 10), gain=4.0)
            return upfirdn((F.leaky_relu(y, 0.2) * math.sqrt(2)).clamp(-256, 256), long, down=2)
        return function, [x, b]
    n = height * width
    x = torch.randn(batch, n, channels)
    if name == "token norm":
        def function(x):
            z = x - x.mean(-1, keepdim=True)
            return z * (z.square().mean(-1, keepdim=True) + 1e-8).rsqrt()
        return function, [x]
    if name == "centroids":
        p = torch.randn(batch, n, components).softmax(-1)
        return lambda x, p: (p / (p.sum(1, keepdim=True) + 1e-8)).transpose(1, 2) @ x, [x, p]
    w, bias = torch.randn(batch, channels, components) / math.sqrt(channels), torch.randn(1, n, components)
    v = torch.randn(batch, components, channels)
    return lambda x, w, bias, v: x * (1 + (x @ w + bias).softmax(-1) @ v), [x, w, bias, v]

settings = json.loads(sys.argv[1])
function, inputs = make(**settings["case"])
training = settings["training"]
for tensor in inputs:
    tensor.requires_grad_(training)

def run():
    if not training:
        with torch.no_grad():
            function(*inputs)
        return
    y = function(*inputs)
    torch.autograd.grad(y, inputs, grad_outputs=y.detach())

for _ in range(2):
    run()
print("ready", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    run()
    print(time.perf_counter() - start, flush=True)
"""


class TorchRunner:
    """The case in PyTorch, in a process that runs it once per request."""

    def __init__(self, python: str, name: str, training: bool) -> None:
        kind = "attention" if name.startswith("attention") else name
        case = {"name": kind, "shape": CASES[name]["shape"], "taps": TAPS, "long": LONG, "components": COMPONENTS}
        command = [python, "-c", TORCH, json.dumps({"case": case, "training": training})]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer()

    def answer(self) -> str:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise SystemExit("error: the PyTorch process stopped; its message is above.")
        return line

    def seconds(self) -> float:
        self.process.stdin.write("run\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        return float(self.answer())

    def close(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait()


# --- measuring -------------------------------------------------------------------------------------------------


def measure(name: str, training: bool, options: argparse.Namespace) -> dict[str, float]:
    """Median milliseconds of every contestant."""
    runners = {key: tensorflow_runner(name, key, training) for key in ("native", "composite", "xla")}
    for run in runners.values():
        run()
        run()
    torch = TorchRunner(options.torch_python, name, training) if options.torch_python else None
    times: dict[str, list[float]] = {key: [] for key in (*runners, *(["torch"] if torch else []))}
    for _ in range(options.repeats):
        for key, run in runners.items():
            start = time.perf_counter()
            run()
            times[key].append(time.perf_counter() - start)
        if torch:
            times["torch"].append(torch.seconds())
    if torch:
        torch.close()
    return {key: 1000 * statistics.median(values) for key, values in times.items()}


def peak_of_own_process(name: str, contestant: str, training: bool) -> float:
    """How far the process' memory rises during one call, in MiB. To be called in a fresh process."""
    run = tensorflow_runner(name, contestant, training, fresh=True)
    tokens = math.prod(CASES[name]["shape"]) * 4 / 2**20

    def field(key: str) -> float:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return float(next(line for line in lines if line.startswith(key)).split()[1]) / 1024

    run()  # tracing and thread pools
    before = field("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # restarts the peak
    run()
    return field("VmHWM") - before - tokens


def memory(name: str, contestant: str, training: bool) -> float:
    command = [sys.executable, __file__, "--peak", name, contestant, str(int(training))]
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "0", "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"error: the memory of {name} could not be measured: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.split()[-1])


def line(name: str, kind: str, times: dict[str, float]) -> str:
    native = times["native"]
    cells = [f"{native:9.1f}"]
    for key in ("composite", "xla", "torch"):
        cells.append(f"{times[key]:9.1f} ({times[key] / native:4.1f}x)" if key in times else f"{'-':>16s}")
    return f"| {name:14s} | {kind:8s} | " + " | ".join(cells) + " |"


def report(name: str, times: dict[str, float]) -> list[str]:
    found = []
    for key, target in CASES[name]["targets"].items():
        # "composite" is the form that CPUs use; "best composite" whichever form is faster.
        other = min(times["composite"], times["xla"]) if key == "best composite" else times.get(key)
        if other is not None:
            ratio = other / times["native"]
            verdict = "reached" if ratio >= target else "MISSED"
            found.append(f"{name}: {ratio:.1f}x the {key}, goal {target}x: {verdict}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--torch-python", metavar="PATH", help="an interpreter with torch; without it no such column")
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--only", metavar="NAMES", help=f"comma separated: {', '.join(CASES)}")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.peak:
        print(peak_of_own_process(options.peak[0], options.peak[1], options.peak[2] == "1"))
        return 0
    names = options.only.split(",") if options.only else list(CASES)
    unknown = [name for name in names if name not in CASES]
    if unknown:
        parser.error(f"unknown case {unknown[0]!r}; known: {', '.join(CASES)}")
    from gansformer_tf.ops import _library

    print(f"{_library.load().reason}; {os.cpu_count()} cores\n")
    print(f"| {'op':14s} | {'':8s} | native ms |        composite |              xla |            torch |")
    print(f"|{'-' * 16}|{'-' * 10}|----------:|-----------------:|-----------------:|-----------------:|")
    verdicts = []
    for name in names:
        for training in (False, True):
            times = measure(name, training, options)
            print(line(name, "training" if training else "forward", times), flush=True)
            if not training:
                verdicts += report(name, times)
    print()
    if not options.skip_memory:
        for training in (False, True):
            rise = {key: memory("attention", key, training) for key in ("native", "composite")}
            kind = "training" if training else "forward"
            share = rise["native"] / rise["composite"]
            print(
                f"attention {kind}: peak above the inputs {rise['native']:.0f} MiB native, "
                f"{rise['composite']:.0f} MiB composite"
            )
            if not training:
                verdict = "reached" if share <= ATTENTION_TARGET else "MISSED"
                verdicts.append(f"attention: {share:.2f} of the composite's memory, goal {ATTENTION_TARGET}: {verdict}")
    print("\n".join(verdicts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
