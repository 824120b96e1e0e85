"""Every route with bodies, queries and paths of the right types and the worst values: always a typed answer.

What a fault of ours answers is ``internal``, and a person gets nothing they could act on.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from broker.calls import Http
from broker.routes import ROUTES
from protocol.wire import Wire, to_json
from tests.integration.test_customer_walls import OWN_BUSINESS, STREAMS, UPLOADS, Site, bodies, planted

TEXTS = (
    "",
    "'; DROP TABLE tickets;-- \" * NEAR( title:^ \x00\x1b[31m\u202e ½ ﬁ 𞤀 ⅷ ٣ 𐐀🦄",
    "T-999999999999",
    "kb-999999999999",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31",
)
NUMBERS = (-1, 1 << 53, 1 << 64)
PUBLISHING = {"/v1/org/publish", "/v1/org/pair"}
"""Attacked by itself (test_publication_fuzz)."""


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something can be put, the whole included."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield from places(held, (*at, key))


def put(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    changed = copy.deepcopy(value)
    holder = changed
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = new
    return changed


def nasty(kind: type[Wire], good: Wire | None) -> Iterator[bytes]:
    """The good body with one value made nasty; optional fields too."""
    base = {field.encode_name: None for field in msgspec.structs.fields(kind)}
    base |= json.loads(to_json(good)) if good is not None else {}
    for at in places(base):
        worst: tuple[Any, ...] = (*TEXTS, *NUMBERS, [], None)
        for new in worst:
            body = put(base, at, new)
            if isinstance(body, dict):
                body = {key: value for key, value in body.items() if value is not None or at == (key,)}
            yield json.dumps(body).encode()


def nasty_paths(site: Site, row: Http) -> Iterator[str]:
    filled = site.filled(row.path.replace("{name}", "quality").replace("{path:path}", "0/000"))
    for key in row.query:
        for new in (*TEXTS, *(str(number) for number in NUMBERS)):
            yield f"{filled}?{key}={quote(new)}"
    for name in set(re.findall(r"\{(\w+)", row.path)) - {"path", "name"}:
        for new in TEXTS:
            yield site.filled(row.path.replace(f"{{{name}}}", new))


async def test_no_body_query_or_path_is_an_unexpected_error(tmp_path: Path) -> None:
    async with planted(tmp_path) as site:
        known, token, done = bodies(site), site.tokens["lena"], set()

        async def send(row: Http, path: str, body: object) -> None:
            answer = await site.desk.call(row.method, path, body, token)
            told = f"{row.method} {path[:300]} {body!r:.600}: {answer.status} {answer.body[:300]!r}"
            assert answer.status < 400 or answer.code != "internal", told

        for row in ROUTES:
            if not isinstance(row, Http) or row.path in STREAMS | UPLOADS | PUBLISHING:
                continue
            if (row.method, row.path) in OWN_BUSINESS:
                continue
            good = known.get((row.method, row.path))
            for path in nasty_paths(site, row):
                await send(row, path, good)
            if row.takes is not None and row.takes not in done:
                done.add(row.takes)
                for body in nasty(row.takes, good):
                    await send(row, site.filled(row.path), body)
