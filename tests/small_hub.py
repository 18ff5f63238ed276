"""A small Hugging Face hub, and any other web server, on this machine."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What it serves, and which files were asked for."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}  # by path: owner/name/revision/file, or anything
        self.sent: list[str] = []
        self.broken = False  # whether it breaks every connection


@contextmanager
def serve() -> Iterator[Hub]:
    """Answer on a free port of 127.0.0.1 until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
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
        if hub.broken:
            self.close_connection = True
            return
        content = hub.files.get(path)
        if content is None:
            self._refuse(path)
            return
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            hub.sent.append(path)
            self.wfile.write(content)

    def _refuse(self, path: str) -> None:
        owner, name, revision = [*path.split("/"), "", "", ""][:3]
        known = [known.split("/")[:3] for known in self.server.hub.files]
        repository = any(k[:2] == [owner, name] for k in known)
        here = "EntryNotFound" if [owner, name, revision] in known else "RevisionNotFound"
        self.send_response(404)
        self.send_header("X-Error-Code", here if repository else "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass
