"""A small HTTPS server on loopback whose answers a test writes."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import trustme

_CA = trustme.CA()


class Got(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    length: int | None = None
    """A Content-Length that may lie; None: the true one."""


Handler = Callable[[Got], Answer]


class Server(NamedTuple):
    url: str
    tls_sha256: str
    got: list[Got]


@contextlib.contextmanager
def https(handler: Handler, *, tls12: bool = False) -> Iterator[Server]:
    """Serve until the context ends."""
    issued = _CA.issue_cert("127.0.0.1", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    issued.configure_cert(context)
    der = ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())
    got: list[Got] = []

    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            size = int(self.headers.get("content-length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Got(self.command, self.path, headers, self.rfile.read(size))
            got.append(request)
            answer = handler(request)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            length = len(answer.body) if answer.length is None else answer.length
            self.send_header("content-length", str(length))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(answer.body)
            if length != len(answer.body):
                self.close_connection = True

        do_GET = do_POST = _serve

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self):
            connection, where = super().get_request()
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), where

        def handle_error(self, *_: object) -> None:
            """Clients that turn away are what the tests are about."""

    server = Quiet(("127.0.0.1", 0), Request)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        url = f"wss://127.0.0.1:{server.server_address[1]}"
        yield Server(url, hashlib.sha256(der).hexdigest(), got)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
