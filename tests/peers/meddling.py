"""A man in the middle on loopback: passes HTTP on to a system, and at the chosen answer does something first.

Only for tests of what happens when the broker dies between what it did there and what it wrote down here.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PASSED_ON = ("authorization", "content-type", "accept")


class Meddler(ThreadingHTTPServer):
    """``when(method, path)`` picks the requests whose answers are lost; ``do`` is called instead, once."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.when: Callable[[str, str], bool] = lambda method, path: False
        self.do: Callable[[], Any] = lambda: None
        self.done = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def lose(self, method: str, end: str, do: Callable[[], Any]) -> None:
        """The next answer to such a request is lost, once ``do`` was called."""
        self.done.clear()
        self.do = do
        self.when = lambda m, path: m == method and path.split("?")[0].endswith(end)


class _Handler(BaseHTTPRequestHandler):
    server: Meddler
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _pass(self) -> None:
        size = int(self.headers.get("content-length", "0"))
        body = self.rfile.read(size) if size else None
        headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
        request = urllib.request.Request(self.server.target + self.path, body, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, content, kind = answer.status, answer.read(), answer.headers.get("content-type", "")
        except urllib.error.HTTPError as error:
            status, content, kind = error.code, error.read(), error.headers.get("content-type", "")
        except (urllib.error.URLError, OSError):
            self.close_connection = True
            return
        if self.server.when(self.command, self.path):
            self.server.when = lambda method, path: False
            self.server.do()
            self.server.done.set()
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _pass

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def meddling(target: str) -> Iterator[Meddler]:
    server = Meddler(target)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
