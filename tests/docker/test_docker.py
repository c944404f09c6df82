"""Dockerfiles and compose file: nothing here runs an engine, so they are read, and what can run is run."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansformer_tf.cli import prepare_data, run_network
from tests.docker.dockerfiles import parse, problems

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker"
FILES = ("train.Dockerfile", "cpu.Dockerfile", "serve.Dockerfile")
CONTEXTS = {"serve.Dockerfile": ("export",)}


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_wrong_with(name: str) -> None:
    assert problems((FOLDER / name).read_text(), ROOT, CONTEXTS.get(name, ())) == []


def test_every_dockerfile_is_tested() -> None:
    assert sorted(FILES) == sorted(path.name for path in FOLDER.glob("*Dockerfile*"))


GOOD = """FROM ubuntu:24.04 AS one
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
FROM one
COPY setup.py README.md /source/
USER somebody
CMD ["sh"]
"""
BAD = {
    "no pinned tag": ("ubuntu:24.04", "ubuntu:latest"),
    "has no pinned": ("ubuntu:24.04", "ubuntu"),
    "runs as root": ("USER somebody", "USER root"),
    "container runs as root": ("USER somebody\n", ""),
    "which does not exist": ("setup.py", "nothing.py"),
    "neither a stage above": ("COPY ", "COPY --from=two "),
    ".dockerignore keeps out": ("setup.py", "Makefile"),
    "no folder": ("/source/", "/source"),
    "is no instruction": ("RUN apt", "ADD http://example.com/a.tar /\nRUN apt"),
    "by its address": ("apt-get update", "wget example.com/x"),
    "--no-install-recommends": (" --no-install-recommends", ""),
    "without rm -rf": (" && rm -rf /var/lib/apt/lists/*", ""),
    "without apt-get update": ("apt-get update && ", ""),
    "without --no-cache-dir": ("apt-get update", "apt-get update && pip install x"),
    "without pipefail": ("apt-get update", "apt-get update | cat"),
    "use WORKDIR": ("RUN apt-get update", "RUN cd /tmp && apt-get update"),
    "JSON list": ('["sh"]', "sh"),
    "cannot read it": ("RUN apt", 'RUN "apt'),
    "not FROM": ("FROM ubuntu:24.04 AS one\n", ""),
    "does not end": ('CMD ["sh"]', "RUN true \\"),
    "given twice": ('CMD ["sh"]', 'CMD ["sh"]\nCMD ["ls"]'),
    "names no ports": ("USER", "EXPOSE http\nUSER"),
    "secret": ("USER", "ENV API_KEY=1\nUSER"),
    "uses sudo": ("apt-get update", "sudo apt-get update"),
    "is relative": ("USER", "WORKDIR here\nUSER"),
}


@pytest.mark.parametrize("message", BAD)
def test_the_rules_find(message: str) -> None:
    assert problems(GOOD, ROOT) == []
    old, new = BAD[message]
    assert old in GOOD
    assert any(message in problem for problem in problems(GOOD.replace(old, new, 1), ROOT))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())


def test_compose_names_what_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {"prepare", "train", "tensorboard", "serve"} <= set(services)
    for name, service in services.items():
        build = service["build"]
        assert (FOLDER / build["context"]).resolve() == ROOT
        dockerfile = ROOT / build["dockerfile"]
        assert dockerfile.name in FILES
        assert set(build.get("additional_contexts", {})) == set(CONTEXTS.get(dockerfile.name, ())), name
        assert service["image"].startswith("gansformer-tf:")
        for volume in service.get("volumes", ()):
            source, target = volume.split(":")[:2]
            assert source in compose["volumes"] or source.startswith("../"), volume
            declared = [item.text for item in parse(dockerfile.read_text()) if item.name == "VOLUME"]
            assert f'"{target}"' in declared[0], f"{name} mounts {target}, which is no volume of the image"
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} is open to the network"
            assert port.rsplit(":")[-1] in " ".join(
                item.text for item in parse(dockerfile.read_text()) if item.name == "EXPOSE"
            )


def test_compose_commands_are_those_of_the_scripts(compose: dict[str, Any]) -> None:
    readers = {"prepare_data.py": prepare_data.COMMAND.read, "run_network.py": run_network.COMMAND.read}
    checked = set()
    for service in compose["services"].values():
        command = service.get("command", [""])
        if command[0] in readers:
            asked = readers[command[0]](command[1:])
            if command[0] == "run_network.py":
                run_network.check_export_flags(asked)
            checked.add(command[0])
    assert checked == set(readers)
    # The expname of `train` makes the run that `export` reads, whose folder `serve` copies.
    assert "results/scenes-000" in compose["services"]["export"]["command"]
    assert compose["services"]["serve"]["build"]["additional_contexts"]["export"].endswith("exported/gansformer")
    assert compose["services"]["train"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]


def instruction(name: str, kind: str, part: str) -> str:
    texts = [item.text for item in parse((FOLDER / name).read_text()) if item.name == kind and part in item.text]
    assert len(texts) == 1
    return texts[0]


def test_the_native_ops_are_built_into_the_installed_package(tmp_path: Path) -> None:
    """The line of train.Dockerfile, with a stand-in for the compiler's script that prints its arguments."""
    (tmp_path / "custom_ops").mkdir()
    (tmp_path / "custom_ops" / "build.py").write_text("import sys; print(sys.argv[1:])")
    line = instruction("train.Dockerfile", "RUN", "build.py")
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "CUDA_ARCH": "80,90"}
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    import gansformer_tf

    output = f"{Path(gansformer_tf.__file__).parent}/ops/_lib"
    assert done.stdout.strip() == str(["--cuda", "on", "--cuda-arch", "80,90", "--output", output])


@pytest.mark.parametrize(("state", "healthy"), [("AVAILABLE", True), ("LOADING", False)])
def test_the_health_check_reads_the_state_of_the_model(state: str, healthy: bool) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/v1/models/gansformer"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(f'{{"model_version_status": [{{"state": "{state}"}}]}}'.encode())

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    check = instruction("serve.Dockerfile", "HEALTHCHECK", "CMD").partition("CMD ")[2]
    environment = {"MODEL_NAME": "gansformer", "PATH": "/usr/bin:/bin"}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        here = check.replace("8501", str(server.server_port))
        done = subprocess.run(["bash", "-c", here], env=environment, timeout=30)
        assert (done.returncode == 0) == healthy
    finally:
        server.shutdown()
        server.server_close()
    if healthy:
        gone = subprocess.run(["bash", "-c", here], env=environment, timeout=30)
        assert gone.returncode != 0
