"""Answers: a result as JSON, an error as RFC 9457 problem details."""

from __future__ import annotations

from starlette.responses import Response

from protocol.api import Problem
from protocol.errors import Code, RelevoError
from protocol.wire import Wire, to_json
from protocol.wording import Words
from protocol.wording.errors import TABLE

PROBLEM_TYPE = "application/problem+json"
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_english = Words("en", TABLE)


def problem(error: RelevoError, reference: str) -> Response:
    """The error for programs; people get their words from the code, in their own language."""
    detail = "" if error.code is Code.INTERNAL else error.detail
    body = Problem(
        type=f"urn:relevo:error:{error.code.value}",
        title=_english(error.code.value, detail=detail),
        status=error.http_status,
        detail=detail,
        code=error.code.value,
        reference=reference,
    )
    headers = dict(_HEADERS)
    if error.code is Code.UNAUTHENTICATED:
        headers["www-authenticate"] = "Bearer"
    if error.code is Code.RATE_LIMITED:
        headers["retry-after"] = "5"
    return Response(to_json(body), status_code=error.http_status, headers=headers, media_type=PROBLEM_TYPE)


def answer(result: Wire | Response | None) -> Response:
    """What a handler returned, as a response."""
    if isinstance(result, Response):
        for name, value in _HEADERS.items():
            result.headers.setdefault(name, value)
        return result
    if result is None:
        return Response(status_code=204, headers=_HEADERS)
    return Response(to_json(result), headers=_HEADERS, media_type="application/json")
