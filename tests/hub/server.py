"""A hub on this machine: the few endpoints that huggingface_hub asks, over repositories kept in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_LARGE = (".safetensors", ".png", ".pkl")
_FILE = re.compile(r"/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)")
_API = re.compile(r"/api/models/([\w.-]+/[\w.-]+)(?:/(tree|revision|preupload|commit|branch)/([^/?]+))?")


class Hub:
    """What the server holds, and how it misbehaves.

    Attributes:
        commits: Repository -> commit -> path -> content.
        branches: Repository -> branch -> commit.
        gated: Repositories whose terms nobody has agreed to.
        read_only: Whether nobody may write.
        cuts: Downloads that will break off in the middle; negative: all.
        flip: Whether a byte of what is sent is wrong.
        seen: (method, path) of every request.
    """

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.branches: dict[str, dict[str, str]] = {}
        self.gated: set[str] = set()
        self.read_only = False
        self.cuts = 0
        self.flip = False
        self.seen: list[tuple[str, str]] = []
        self.large: dict[str, bytes] = {}
        self.url = ""

    def commit(self, repo: str, files: dict[str, bytes], branch: str = "main") -> str:
        """Adds files to a branch and returns the commit."""
        known = self.commits.setdefault(repo, {})
        branches = self.branches.setdefault(repo, {})
        content = {**known.get(branches.get(branch, branches.get("main", "")), {}), **files}
        number = hashlib.sha1(f"{repo} {len(known)}".encode()).hexdigest()
        known[number] = content
        branches[branch] = number
        return number

    def resolve(self, repo: str, revision: str) -> str | None:
        """The commit of a branch or commit."""
        return self.branches[repo].get(revision, revision if revision in self.commits[repo] else None)


def _etag(path: str, content: bytes) -> str:
    if path.endswith(_LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def _answer(self, body: Any = None, status: int = 200, **headers: str) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, code: str, status: int = 404) -> None:
        self._answer({"error": code}, status, X_Error_Code=code)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.hub
        hub.seen.append((self.command, self.path))
        if match := _FILE.fullmatch(self.path):
            return self._file(*match.groups())
        match = _API.match(self.path)
        if match is None:
            return self._refuse("EntryNotFound")
        repo, kind, revision = match.groups()
        if repo not in hub.commits:
            return self._refuse("RepoNotFound", 401)
        number = hub.resolve(repo, revision or "main")
        if number is None:
            return self._refuse("RevisionNotFound")
        files = hub.commits[repo][number]
        if kind == "tree":
            return self._answer(
                [{"type": "file", "path": path, "size": len(data), "oid": "0" * 40} for path, data in files.items()]
            )
        self._answer({"id": repo, "sha": number, "siblings": [{"rfilename": path} for path in files]})

    def _file(self, repo: str, revision: str, path: str) -> None:
        hub = self.hub
        if repo not in hub.commits:
            return self._refuse("RepoNotFound", 401)
        if repo in hub.gated:
            return self._refuse("GatedRepo", 403)
        number = hub.resolve(repo, revision)
        if number is None:
            return self._refuse("RevisionNotFound")
        if path not in hub.commits[repo][number]:
            return self._answer({}, 404, X_Error_Code="EntryNotFound", X_Repo_Commit=number)
        content = hub.commits[repo][number][path]
        etag = _etag(path, content)
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", number)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = content[start:]
        if hub.flip:
            sent = bytes([sent[0] ^ 1]) + sent[1:]
        if hub.cuts:
            hub.cuts -= 1
            self.wfile.write(sent[: len(sent) // 2])
            self.close_connection = True
            return
        self.wfile.write(sent)

    def do_POST(self) -> None:
        hub = self.hub
        hub.seen.append((self.command, self.path))
        body = self._body()
        if self.path == "/api/validate-yaml":
            return self._answer({"errors": [], "warnings": []})
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}"
            if hub.read_only:
                return self._answer({"error": "no"}, 403)
            if repo in hub.commits:
                return self._answer({"url": f"{hub.url}/{repo}"}, 409)
            hub.commit(repo, {".gitattributes": b"*.safetensors filter=lfs\n"})
            return self._answer({"url": f"{hub.url}/{repo}"})
        if self.path.endswith(".git/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            return self._answer(
                {
                    "transfer": "basic",
                    "objects": [
                        {**one, "actions": {"upload": {"href": f"{hub.url}/large/{one['oid']}"}}} for one in wanted
                    ],
                }
            )
        match = _API.match(self.path)
        assert match is not None, self.path
        repo, kind, revision = match.groups()
        if kind == "preupload":
            files = json.loads(body)["files"]
            mode = {True: "lfs", False: "regular"}
            return self._answer(
                {
                    "files": [
                        {"path": one["path"], "uploadMode": mode[one["path"].endswith(_LARGE)], "shouldIgnore": False}
                        for one in files
                    ]
                }
            )
        if kind == "branch":
            if revision in hub.branches[repo]:
                return self._answer({}, 409)
            hub.branches[repo][revision] = hub.branches[repo]["main"]
            return self._answer({})
        number = hub.commit(repo, dict(self._added(body)), revision)
        self._answer({"commitUrl": f"{hub.url}/{repo}/commit/{number}", "commitOid": number})

    def _added(self, body: bytes) -> Iterator[tuple[str, bytes]]:
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                yield value["path"], base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                yield value["path"], self.hub.large[value["oid"]]

    def do_PUT(self) -> None:
        self.hub.seen.append((self.command, self.path))
        body = self._body()
        oid = self.path.rpartition("/")[2]
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.large[oid] = body
        self._answer({})


@contextmanager
def serving() -> Iterator[Hub]:
    """A running server."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
