"""JSON over HTTPS to a system that may be down, slow, hostile or broken: bounded in time and in bytes."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec

from protocol.errors import Code, RelevoError

T = TypeVar("T")

DEADLINE_S = 30.0
"""For one whole exchange, however it trickles."""
CONNECT_S = 10.0
MAX_ANSWER = 8 << 20

STATUS: dict[int, Code] = {
    400: Code.PARAMETER_INVALID,
    401: Code.UNAUTHENTICATED,
    403: Code.REFUSED,
    404: Code.NOT_FOUND,
    408: Code.TIMEOUT,
    409: Code.CONFLICT,
    412: Code.CONFLICT,
    413: Code.PARAMETER_INVALID,
    415: Code.PARAMETER_INVALID,
    422: Code.PARAMETER_INVALID,
    429: Code.RATE_LIMITED,
}
"""What an HTTP status means; any other failure is ``unreachable`` from 500 on, else ``malformed``."""


def require_url(url: str) -> str:
    """``url`` without a slash at its end.

    Raises:
        RelevoError: ``parameter-invalid`` unless it is HTTPS, or HTTP to this very machine, and names
            neither user nor password.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise RelevoError(Code.PARAMETER_INVALID, "not a URL") from error
    plain = parts.scheme == "http" and _is_loopback(host)
    if not host or not (parts.scheme == "https" or plain) or "@" in parts.netloc:
        raise RelevoError(Code.PARAMETER_INVALID, "the URL must be https://HOST, without user or password")
    if parts.query or parts.fragment or not url.isascii() or not url.isprintable():
        raise RelevoError(Code.PARAMETER_INVALID, "the URL must end with its path")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class WebClient:
    """One system. Certificates are verified, redirects refused, proxies of the environment not used."""

    def __init__(
        self, url: str, headers: Mapping[str, str], ca: Path | None = None, deadline_s: float = DEADLINE_S
    ) -> None:
        """``ca``: a PEM file to trust instead of the machine's certificates."""
        try:
            context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        except (OSError, ssl.SSLError) as error:
            raise RelevoError(Code.PARAMETER_INVALID, f"no certificates in {ca}") from error
        self._deadline_s = deadline_s
        self._url = require_url(url)
        self.answered: datetime | None = None
        """What the system's clock said with its last answer; None where it does not say."""
        self._client = httpx2.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            # Compressed answers could be any size once unpacked.
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **headers},
            timeout=httpx2.Timeout(deadline_s, connect=min(CONNECT_S, deadline_s)),
            limits=httpx2.Limits(max_connections=2, max_keepalive_connections=1),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def json(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        most: int = MAX_ANSWER,
    ) -> T:
        """The decoded answer. Unknown fields are ignored and numbers may be written as text: it is not ours.

        Raises:
            RelevoError: ``unreachable``, ``timeout``, ``malformed``, ``too-large``, and by status as
                ``STATUS`` says.
        """
        content = await self.exchange(method, path, query=query, body=body, most=most)
        try:
            return msgspec.json.decode(content, type=kind, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise RelevoError(Code.MALFORMED, f"{method} {path}: {ascii(str(error))[:200]}") from error

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        most: int = MAX_ANSWER,
    ) -> bytes:
        """The bytes of a successful answer. Raises RelevoError: as ``json``, but for what they mean."""
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._exchange(method, path, dict(query or {}), content, headers, most)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise RelevoError(Code.TIMEOUT, f"{method} {path}") from error
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise RelevoError(Code.UNREACHABLE, f"{type(error).__name__}: {error}"[:200]) from error

    async def _exchange(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        content: bytes | None,
        headers: dict[str, str],
        most: int,
    ) -> bytes:
        request = self._client.stream(
            method, self._url + path, params=query, content=content, headers=headers
        )
        async with request as answer:
            self.answered = _date(answer)
            if not 200 <= answer.status_code < 300:
                raise _refusal(method, path, answer.status_code, await _start(answer))
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise RelevoError(Code.MALFORMED, f"{method} {path}: a compressed answer")
            return await _whole(answer, most, f"{method} {path}")


async def _whole(answer: httpx2.Response, most: int, what: str) -> bytes:
    parts, size = [], 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size > most:
            raise RelevoError(Code.TOO_LARGE, f"{what}: over {most} bytes")
        parts.append(part)
    return b"".join(parts)


async def _start(answer: httpx2.Response, most: int = 2_000) -> bytes:
    """So much of a refusal as may say why."""
    found = b""
    async for part in answer.aiter_raw():
        found += part
        if len(found) >= most:
            break
    return found[:most]


class _Said(msgspec.Struct, frozen=True):
    message: str = ""


def _refusal(method: str, path: str, status: int, content: bytes) -> RelevoError:
    try:
        said = msgspec.json.decode(content, type=_Said).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        said = ""
    code = STATUS.get(status) or (Code.UNREACHABLE if status >= 500 else Code.MALFORMED)
    return RelevoError(code, ascii(f"{method} {path}: {status} {said}".strip())[1:-1][:250])


def _date(answer: httpx2.Response) -> datetime | None:
    try:
        found = parsedate_to_datetime(answer.headers.get("date", ""))
        return found.astimezone(UTC) if found.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def text_query(value: Any) -> str:
    """A value as the JSON text of a query parameter."""
    return msgspec.json.encode(value).decode()
