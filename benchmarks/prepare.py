"""Speed and memory of preparing data and of reading it back.

    python benchmarks/prepare.py [speed] [formats] [encodings] [scenes] [memory] [--images 2000] [--rounds 3]

speed      whole processes: prepare_data.py against one Pillow process that decodes, resizes and encodes the same files
formats    images/s of every source format
encodings  bytes per image, writing and reading speed of every encoding, at 256x256
scenes     images/s of the built-in renderer
memory     peak memory of all processes together, for 1,000 and for 20,000 images

The images are rendered scenes under noise with the spectrum of photographs, which take as many bytes as
photographs do. Runs that are compared alternate, and the best of the rounds counts: other work on the machine only
makes a run slower. Processor time per image is given beside the speed, because other work changes it little.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "prepare_data.py"
PARTS = ("speed", "formats", "encodings", "scenes", "memory")
SIDE = 256
TARGET = 128
ENCODINGS = {
    "jpeg": [],
    "jpeg q90": ["--quality", "90"],
    "webp": [],
    "webp q90": ["--quality", "90"],
    "png": [],
    "raw": [],
}

# One process, Pillow alone: what a short script without this package would do.
BASELINE = """
import io, os, sys
from PIL import Image
folder, side, encoding = sys.argv[1], int(sys.argv[2]), sys.argv[3]
options = {
    "jpeg": dict(format="JPEG", quality=95, subsampling=0),
    "png": dict(format="PNG"),
    "webp": dict(format="WEBP", lossless=True, exact=True, quality=0, method=0),
}
with open(sys.argv[4], "wb") as out:
    for name in sorted(os.listdir(folder)):
        image = Image.open(os.path.join(folder, name)).convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
        if encoding == "raw":
            out.write(image.tobytes())
        else:
            image.save(out, **options[encoding])
"""


def photo_like(seed: int, side: int = SIDE) -> np.ndarray:
    """A image uint8 `[side, side, 3]` whose files are as large as those of a photograph."""
    from gansformer_tf.data.scenes.render import render

    base = render([seed], side).images[0].astype(np.float32)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1
    random = np.random.RandomState(seed)
    planes = [np.fft.irfft2(np.fft.rfft2(random.standard_normal((side, side))) / frequency**1.2) for _ in range(4)]
    grey, *colors = (plane / plane.std() for plane in planes)
    noise = np.stack([grey + 0.25 * color for color in colors], axis=-1)
    return np.clip(base + 18 * noise, 0, 255).astype(np.uint8)


def write_images(folder: Path, count: int, suffix: str = ".png", **options: object) -> Path:
    """A folder of image files; every hundred images repeat with small changes, to save time."""
    folder.mkdir(parents=True)
    base = [photo_like(seed) for seed in range(min(count, 100))]
    for index in range(count):
        image = np.roll(base[index % len(base)], 7 * (index // len(base)), axis=1)
        Image.fromarray(image).save(folder / f"{index:06d}{suffix}", **options)
    return folder


def timed(command: list[str]) -> float:
    return costs(command)[0]


def costs(command: list[str]) -> tuple[float, float]:
    """Seconds until a command ends, and seconds of processor time that it and its workers take."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def prepare_command(place: Path, format: str, out: Path, side: int, *flags: str) -> list[str]:
    return [
        *(sys.executable, str(SCRIPT), "--task", "bench", "--images-dir", str(place), "--format", format),
        *("--data-dir", str(out), "--resolution", str(side), *flags),
    ]


def alternate(runs: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The best time of each run."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            best[name] = min(best[name], run())
    return best


def speed(work: Path, images: int, rounds: int) -> None:
    folder = write_images(work / "speed", images)
    print(f"\n## {images} PNG of {SIDE}x{SIDE} to {TARGET}x{TARGET}, whole processes\n")
    print(
        "| encoding | one Pillow process, images/s | prepare_data.py, images/s | ratio | processor ms per image "
        "(Pillow / here) |\n|---|---|---|---|---|"
    )
    for encoding in ("jpeg", "png", "webp", "raw"):
        target = str(work / "baseline.bin")
        theirs = [sys.executable, "-c", BASELINE, str(folder), str(TARGET), encoding, target]
        runs = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir=work) as out:
                ours = prepare_command(folder, "png", Path(out), TARGET, "--encoding", encoding)
                runs.append((*costs(theirs), *costs(ours)))
        wall, processor, our_wall, our_processor = (min(column) for column in zip(*runs, strict=True))
        print(
            f"| {encoding} | {images / wall:.0f} | {images / our_wall:.0f} | {wall / our_wall:.2f} "
            f"| {processor / images * 1e3:.1f} / {our_processor / images * 1e3:.1f} |",
            flush=True,
        )


def sources(work: Path, images: int) -> Iterator[tuple[str, Path]]:
    """The same images in every format."""
    pngs = write_images(work / "png", images)
    yield "png", pngs
    yield "jpg", write_images(work / "jpg", images, ".jpg", quality=95)
    arrays = np.stack([np.asarray(Image.open(path)) for path in sorted(pngs.iterdir())])
    (work / "npy").mkdir()
    np.save(work / "npy" / "all.npy", arrays)
    yield "npy", work / "npy"
    import h5py

    with h5py.File(work / "all.h5", "w") as file:
        file.create_dataset("images", data=arrays, chunks=(16, *arrays.shape[1:]))
    yield "hdf5", work / "all.h5"
    import lmdb

    with lmdb.open(str(work / "lmdb"), map_size=1 << 32) as environment, environment.begin(write=True) as transaction:
        for path in sorted((work / "jpg").iterdir()):
            transaction.put(path.name.encode(), path.read_bytes())
    yield "lmdb", work / "lmdb"
    with zipfile.ZipFile(work / "all.zip", "w") as archive:
        for path in sorted(pngs.iterdir()):
            archive.write(path, path.name)
    yield "zip", work / "all.zip"
    subprocess.run(prepare_command(work / "jpg", "jpg", work / "tfds", SIDE), check=True, capture_output=True)
    yield "tfds", work / "tfds" / "bench"
    yield "tfrecords", write_original(work / "tfrecords", arrays)


def write_original(folder: Path, arrays: np.ndarray) -> Path:
    """Records in the format of the original code."""
    from gansformer_tf.data.records.example import encode_example
    from gansformer_tf.data.records.tfrecord import frame

    folder.mkdir()
    with (folder / "bench-r08.tfrecords1of1").open("wb") as file:
        for array in arrays:
            channels_first = array.transpose(2, 0, 1)
            file.write(frame(encode_example({"shape": list(channels_first.shape), "data": channels_first.tobytes()})))
    return folder


def formats(work: Path, images: int, rounds: int) -> None:
    print(f"\n## Formats: {images} images of {SIDE}x{SIDE} to {TARGET}x{TARGET} JPEG, whole process\n")
    print("| format | images/s | processor ms per image |\n|---|---|---|")
    for format, place in sources(work / "formats", images):
        runs = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir=work) as out:
                runs.append(costs(prepare_command(place, format, Path(out), TARGET)))
        seconds, processor = (min(column) for column in zip(*runs, strict=True))
        print(f"| {format} | {images / seconds:.0f} | {processor / images * 1e3:.1f} |", flush=True)


def encodings(work: Path, images: int, rounds: int) -> None:
    folder = write_images(work / "encodings", images)
    print(f"\n## Encodings at {SIDE}x{SIDE} ({images} photograph-like images)\n")
    print("| encoding | KiB per image | raw / this | written, images/s | read, images/s |\n|---|---|---|---|---|")
    raw = SIDE * SIDE * 3
    for name, flags in ENCODINGS.items():
        out = work / "encoded" / name.replace(" ", "_")
        seconds = timed(prepare_command(folder, "png", out, SIDE, "--encoding", name.split()[0], *flags))
        manifest = json.loads((out / "bench" / "manifest.json").read_text())
        size = sum(shard["num_bytes"] for shard in manifest["shards"]) / images
        rates = [read_rate(out / "bench") for _ in range(rounds)]
        print(
            f"| {name} | {size / 1024:.1f} | {raw / size:.1f} | {images / seconds:.0f} | {max(rates):.0f} |", flush=True
        )


READ = """
import os, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from gansformer_tf.data.read.pipeline import training_dataset
batch, batches = 64, int(sys.argv[2])
iterator = iter(training_dataset(sys.argv[1], batch_size=batch, seed=1, mirror=True))
for _ in range(8):
    next(iterator)
started = time.perf_counter()
for _ in range(batches):
    next(iterator)
print(batch * batches / (time.perf_counter() - started))
"""


def read_rate(folder: Path, batches: int = 80) -> float:
    """Images/s of the training input in a fresh process, after a warm-up, records in the page cache."""
    command = [sys.executable, "-c", READ, str(folder), str(batches)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    return float(done.stdout.split()[-1])


def scenes(work: Path, images: int, rounds: int) -> None:
    print("\n## Built-in scenes, whole process\n\n| resolution | images/s |\n|---|---|")
    for side, count in ((64, images), (128, images // 4), (256, images // 16)):

        def run(side: int = side, count: int = count) -> float:
            with tempfile.TemporaryDirectory(dir=work) as out:
                flags = ("--resolution", str(side), "--max-images", str(count), "--data-dir", out)
                return timed([sys.executable, str(SCRIPT), "--scenes", *flags])

        print(f"| {side} | {count / alternate({'run': run}, rounds)['run']:.0f} |", flush=True)


def memory(work: Path, images: int, rounds: int) -> None:
    """`images` and `rounds` do not matter here: the numbers of images are fixed."""
    import psutil

    print("\n## Peak memory of all processes, 2 workers (limit 600 + 2 x 300 MB)\n")
    print("| images | sum over processes, MB | largest worker, MB | parent, MB |\n|---|---|---|---|")
    folder = write_images(work / "memory", 1000)
    many = work / "memory_many"
    many.mkdir()
    for index in range(20_000):
        (many / f"{index:06d}.png").symlink_to(folder / f"{index % 1000:06d}.png")
    for place, count in ((folder, 1000), (many, 20_000)):
        with tempfile.TemporaryDirectory(dir=work) as out:
            command = prepare_command(place, "png", Path(out), SIDE, "--workers", "2")
            process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            total = worker = parent = 0
            while process.poll() is None:
                own, children = _resident(process), [_resident(child) for child in _children(process)]
                total = max(total, own + sum(children))
                worker, parent = max(worker, *children, 0), max(parent, own)
                time.sleep(0.05)
            if process.returncode:
                raise RuntimeError(f"prepare_data.py ended with status {process.returncode}")
        print(f"| {count} | {total / 1e6:.0f} | {worker / 1e6:.0f} | {parent / 1e6:.0f} |", flush=True)


def _children(process: object) -> list:
    import psutil

    try:
        return process.children(recursive=True)  # type: ignore[attr-defined]
    except psutil.Error:
        return []


def _resident(process: object) -> int:
    import psutil

    try:
        return process.memory_info().rss  # type: ignore[attr-defined]
    except psutil.Error:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}; choose from {', '.join(PARTS)}.")
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        for part in arguments.parts or PARTS:
            globals()[part](Path(folder), arguments.images, arguments.rounds)


if __name__ == "__main__":
    main()
