"""HTTPS to the broker, pinned: one small synchronous client (callers that have a loop use a thread).

TLS 1.3 or nothing, no redirects, a deadline on the whole exchange, a maximum on the answer. With a pin the
certificate itself is compared and no certificate authority is asked; without one the system's authorities
and the host name decide.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import ssl
import time
from collections.abc import Iterator
from types import MappingProxyType
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, SSLError
from urllib3.exceptions import TimeoutError as PoolTimeoutError

from protocol.api import Problem
from protocol.drivers.tls import pinned_context
from protocol.errors import Code, RelevoError
from protocol.wire import from_json, to_json

MAX_ANSWER = 64 << 20
"""Bytes of an answer, unless the caller says otherwise."""
DEADLINE_S = 30.0
CONNECT_S = 10.0
_CHUNK = 1 << 16
_MAX_PROBLEM = 64 << 10
_PORT = 443
_JSON = MappingProxyType({"content-type": "application/json"})

W = TypeVar("W")

_BY_STATUS = {
    400: Code.MALFORMED,
    401: Code.UNAUTHENTICATED,
    404: Code.NOT_FOUND,
    409: Code.CONFLICT,
    413: Code.TOO_LARGE,
    429: Code.RATE_LIMITED,
    504: Code.TIMEOUT,
}


class Response(NamedTuple):
    """An answer with a status below 300. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Address(NamedTuple):
    host: str
    port: int

    @property
    def https(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"


def address(url: str) -> Address:
    """Host and port of a ``wss://`` or ``https://`` URL. There is no plaintext mode.

    Raises:
        RelevoError: ``usage``.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RelevoError(Code.USAGE, f"not a URL: {url[:200]!r}") from error
    if parts.scheme not in ("https", "wss") or not parts.hostname or parts.username or parts.query:
        raise RelevoError(Code.USAGE, f"not a wss:// or https:// URL: {url[:200]!r}")
    if parts.path not in ("", "/"):
        raise RelevoError(Code.USAGE, f"a broker URL has no path: {url[:200]!r}")
    return Address(parts.hostname, port or _PORT)


def wss(url: str) -> str:
    """``url`` in the form that configurations and rosters keep: ``wss://HOST:PORT``."""
    return "wss://" + address(url).https.removeprefix("https://")


class BrokerHttp:
    """The broker's HTTP API at ``url``.

    Args:
        url: ``wss://HOST:PORT`` or ``https://HOST:PORT``.
        tls_sha256: SHA-256 (hex) of the only certificate accepted (DER); None: the system's authorities.
        token: bearer token sent with each request; None before a login.
    """

    def __init__(self, url: str, tls_sha256: str | None, token: str | None = None) -> None:
        self.address = address(url)
        self.tls_sha256 = tls_sha256
        self.token = token
        self._pool = _pool(self.address, tls_sha256)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        deadline_s: float = DEADLINE_S,
        limit: int = MAX_ANSWER,
    ) -> Response:
        """One exchange. ``path`` starts with ``/`` and may hold a query.

        Raises:
            RelevoError: the broker's own code for a problem; ``unreachable``, ``timeout``,
                ``identity-mismatch`` (another certificate), ``too-large`` (more than ``limit`` bytes),
                ``malformed`` (a redirect, or not HTTP).
        """
        ends = time.monotonic() + deadline_s
        timeout = urllib3.Timeout(connect=min(CONNECT_S, deadline_s), total=deadline_s)
        with faults(f"{method} {self.address.https}"):
            return _accepted(self._send(method, path, body, headers or {}, timeout), ends, limit)

    def open(self, path: str, headers: dict[str, str], *, silence_s: float) -> urllib3.BaseHTTPResponse:
        """A GET whose answer goes on; the caller reads it under ``faults`` and closes it. A read waits for
        ``silence_s`` at most.

        Raises:
            RelevoError: as ``request``.
        """
        with faults(f"GET {self.address.https}"):
            timeout = urllib3.Timeout(connect=CONNECT_S, read=silence_s)
            answer = self._send("GET", path, None, headers, timeout)
            if answer.status >= 300:
                _accepted(answer, time.monotonic() + silence_s, _MAX_PROBLEM)
            return answer

    def _send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        sent = {"accept": "application/json", **headers}
        if self.token is not None:
            sent["authorization"] = f"Bearer {self.token}"
        return self._pool.request(
            method,
            self.address.https + path,
            body=body,
            headers=sent,
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def get_json(self, path: str, kind: type[W], *, deadline_s: float = DEADLINE_S) -> W:
        """The answer decoded as a ``kind``. Raises as ``request``, and ``malformed``."""
        return from_json(self.request("GET", path, deadline_s=deadline_s).body, kind)

    def post_json(self, path: str, struct: object, kind: type[W], *, deadline_s: float = DEADLINE_S) -> W:
        """Send ``struct`` as JSON; the answer decoded as a ``kind``. Raises as ``get_json``."""
        answer = self.request("POST", path, to_json(struct), dict(_JSON), deadline_s=deadline_s)
        return from_json(answer.body, kind)

    def close(self) -> None:
        self._pool.clear()


@contextlib.contextmanager
def faults(what: str) -> Iterator[None]:
    """What urllib3 raises for an exchange, by our codes. ``what`` names it for the log."""
    try:
        yield
    except SSLError as error:
        raise _tls_error(error) from error
    except ConnectTimeoutError as error:  # urllib3 files a refused connection under this as well
        raise RelevoError(Code.UNREACHABLE, f"{what}: {type(error).__name__}") from error
    except (PoolTimeoutError, TimeoutError) as error:
        raise RelevoError(Code.TIMEOUT, what) from error
    except (HTTPError, OSError) as error:
        raise RelevoError(Code.UNREACHABLE, f"{what}: {type(error).__name__}") from error
    except (ValueError, UnicodeError) as error:
        raise RelevoError(Code.MALFORMED, f"{what}: {error}") from error


def _pool(where: Address, tls_sha256: str | None) -> urllib3.PoolManager:
    common = {
        "num_pools": 1,
        "maxsize": 4,
        "block": True,
        "ssl_context": pinned_context(tls_sha256),
        "cert_reqs": "CERT_REQUIRED" if tls_sha256 is None else "CERT_NONE",
        "assert_fingerprint": tls_sha256,
    }
    proxy = _proxy(where.host)
    if proxy:
        return urllib3.ProxyManager(proxy, **common)  # type: ignore[arg-type]
    return urllib3.PoolManager(**common)  # type: ignore[arg-type]


def _proxy(host: str) -> str | None:
    """The proxy that the environment names for ``host``; the system's own settings are not asked."""
    if not {"https_proxy", "HTTPS_PROXY"} & os.environ.keys():
        return None
    from urllib.request import getproxies_environment, proxy_bypass

    return None if proxy_bypass(host) else getproxies_environment().get("https")


def _accepted(answer: urllib3.BaseHTTPResponse, ends: float, limit: int) -> Response:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    try:
        body = _read(answer, ends, limit if answer.status < 300 else _MAX_PROBLEM)
    except BaseException:
        answer.close()
        raise
    answer.release_conn()
    if 300 <= answer.status < 400:
        raise RelevoError(Code.MALFORMED, f"the broker redirects ({answer.status}), which is not followed")
    if answer.status >= 400:
        raise _problem(answer.status, headers.get("content-type", ""), body)
    return Response(answer.status, headers, body)


def _read(answer: urllib3.BaseHTTPResponse, ends: float, limit: int) -> bytes:
    pieces = bytearray()
    while piece := answer.read(_CHUNK):
        pieces += piece
        if len(pieces) > limit:
            raise RelevoError(Code.TOO_LARGE, f"the answer is over {limit} bytes")
        if time.monotonic() > ends:
            raise RelevoError(Code.TIMEOUT, "the answer came too slowly")
    return bytes(pieces)


def _problem(status: int, media_type: str, body: bytes) -> RelevoError:
    fallback = _BY_STATUS.get(status, Code.UNREACHABLE if status >= 500 else Code.REFUSED)
    if not media_type.startswith("application/problem+json"):
        return RelevoError(fallback, f"HTTP status {status}")
    try:
        problem = from_json(body, Problem)
        code = Code(problem.code)
    except (RelevoError, ValueError):
        return RelevoError(fallback, f"HTTP status {status} with a problem that we cannot read")
    return RelevoError(code, f"{problem.detail[:1_000]} (broker's reference {problem.reference[:40]})")


def _tls_error(error: SSLError) -> RelevoError:
    cause = error.args[0] if error.args else error
    if "Fingerprints did not match" in str(error) or isinstance(cause, ssl.SSLCertVerificationError):
        return RelevoError(Code.IDENTITY_MISMATCH, "the broker shows another certificate")
    return RelevoError(Code.UNREACHABLE, f"TLS: {type(cause).__name__}")


def fetch_certificate_sha256(url: str, *, deadline_s: float = CONNECT_S) -> str:
    """SHA-256 (hex) of the certificate that ``url`` shows now; nothing is trusted or sent.

    For the first contact of ``relevo login``, which compares it with the verified roster.

    Raises:
        RelevoError: ``usage``, ``unreachable`` or ``timeout``.
    """
    where = address(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(where, timeout=deadline_s) as raw,
            context.wrap_socket(raw, server_hostname=where.host) as tls,
        ):
            certificate = tls.getpeercert(binary_form=True)
    except TimeoutError as error:
        raise RelevoError(Code.TIMEOUT, where.https) from error
    except OSError as error:
        raise RelevoError(Code.UNREACHABLE, f"{where.https}: {type(error).__name__}") from error
    if certificate is None:
        raise RelevoError(Code.UNREACHABLE, f"{where.https} shows no certificate")
    return hashlib.sha256(certificate).hexdigest()
