"""Server-sent events from the broker over the pinned HTTPS client: one open answer, read as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import urllib3

from protocol.conversation import HEARTBEAT_S
from protocol.drivers.http import BrokerHttp, faults
from protocol.errors import Code, RelevoError
from protocol.sse import EventReader, ServerEvent

SILENCE_S = 2.5 * HEARTBEAT_S
_READ = 1 << 16
_MEDIA_TYPE = "text/event-stream"


def events(
    http: BrokerHttp, path: str, after: int | None = None, *, seconds: float | None = None
) -> Iterator[ServerEvent]:
    """The events of ``path`` from index ``after`` on. Ends when the broker ends the stream in good order, or
    after ``seconds``; closing the iterator ends the exchange.

    Raises:
        RelevoError: the broker's refusal; ``unreachable`` when the answer breaks off, ``timeout`` when it
            is silent for ``SILENCE_S``; ``malformed`` or ``too-large`` for what is no stream of events.
    """
    headers = {"accept": _MEDIA_TYPE}
    if after is not None:
        headers["last-event-id"] = str(after)
    silence = SILENCE_S if seconds is None else min(SILENCE_S, seconds)
    ends = None if seconds is None else time.monotonic() + seconds
    answer = http.open(path, headers, silence_s=silence)
    try:
        if not answer.headers.get("content-type", "").startswith(_MEDIA_TYPE):
            raise RelevoError(Code.MALFORMED, "the broker did not answer with a stream of events")
        reader = EventReader()
        while (data := _next(answer, ends)) is not None:
            yield from reader.feed(data)
    finally:
        answer.close()


def _next(answer: urllib3.BaseHTTPResponse, ends: float | None) -> bytes | None:
    """Some bytes; None at the end of the answer or of the time."""
    if ends is not None and time.monotonic() >= ends:
        return None
    try:
        with faults("stream"):
            return answer.read1(_READ) or None
    except RelevoError as error:
        if error.code is Code.TIMEOUT and ends is not None and time.monotonic() >= ends:
            return None
        raise
