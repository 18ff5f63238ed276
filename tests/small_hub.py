"""A small Hugging Face hub, and any other web server, on this machine."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What it serves, and which files were asked for."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}  # by path: owner/name/revision/file, or anything
        self.sent: list[str] = []
        self.broken = False  # whether it breaks every connection
        self.breaks_next = 0  # how many connections it breaks before it answers again
        self.in_parts = True  # whether it sends parts of files
        self.cut_at: int | None = None  # bytes after which it stops sending


@contextmanager
def serve() -> Iterator[Hub]:
    """Answer on a free port of 127.0.0.1 until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0].replace("/resolve/", "/").strip("/")
        hub = self.server.hub
        if hub.broken or hub.breaks_next > 0:
            hub.breaks_next -= 1
            self.close_connection = True
            return
        if path.startswith("api/datasets/"):
            self._describe(path)
            return
        path, commit = _at_revision(path, hub.files)
        content = hub.files.get(path)
        if content is None:
            self._refuse(path)
            return
        whole = len(content)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if hub.in_parts else None
        self.send_response(206 if asked else 200)
        if asked:
            content = content[int(asked[1]) : int(asked[2]) + 1]
            self.send_header("Content-Range", f"bytes {asked[1]}-{asked[2]}/{whole}")
        if hub.in_parts:
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            hub.sent.append(path)
            self.wfile.write(content[: hub.cut_at])
            self.close_connection = hub.cut_at is not None

    def _describe(self, path: str) -> None:
        """Tell which files a data set has: api/datasets/owner/name[/revision/R]."""
        _, _, owner, name, *rest = path.split("/")
        prefix = f"datasets/{owner}/{name}/{unquote(rest[1]) if rest else 'main'}/"
        files = [file.removeprefix(prefix) for file in self.server.hub.files if file.startswith(prefix)]
        if not files:
            self._refuse(prefix)
            return
        siblings = [{"rfilename": file} for file in files]
        told = {"id": f"{owner}/{name}", "sha": _commit(prefix), "siblings": siblings}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, path: str) -> None:
        owner, name, revision = [*path.removeprefix("datasets/").split("/"), "", "", ""][:3]
        known = [known.removeprefix("datasets/").split("/")[:3] for known in self.server.hub.files]
        repository = any(k[:2] == [owner, name] for k in known)
        here = "EntryNotFound" if [owner, name, revision] in known else "RevisionNotFound"
        self.send_response(404)
        self.send_header("X-Error-Code", here if repository else "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def _commit(prefix: str) -> str:
    return hashlib.sha1(prefix.encode()).hexdigest()


def _at_revision(path: str, files: dict[str, bytes]) -> tuple[str, str]:
    """A data set's file by the name of its revision, and the commit: it may be asked for by either."""
    if not path.startswith("datasets/"):
        return path, COMMIT
    for file in files:
        for depth in (4, 6):  # refs/convert/parquet is a revision too
            prefix = "/".join(file.split("/")[:depth]) + "/"
            by_commit = "/".join([*file.split("/")[:3], _commit(prefix)]) + "/"
            if path.startswith(by_commit):
                return prefix + path.removeprefix(by_commit), _commit(prefix)
    return path, COMMIT
