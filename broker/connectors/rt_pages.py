"""Request Tracker's list of transactions, page by page: one that RT cannot serve spoils no others."""

from __future__ import annotations

from datetime import datetime, timedelta

from broker.connectors import rt_answers as rt
from broker.connectors.contract import BROKEN, HOLD_UP, Torn
from broker.connectors.web import WebClient
from protocol.errors import Code, RelevoError

PATH = "/REST/2.0"
LIST = f"{PATH}/transactions"
PAGE = 50
SETTLE = timedelta(seconds=60)
"""RT numbers a transaction when it begins and shows it when it is committed, so that a lower number may
appear after a higher one. What is younger than this is offered again until it is older."""
FIELDS = "Type,Creator,Created,ObjectId,Field,OldValue,NewValue,Data"
_SPOILT = frozenset({Code.MALFORMED, Code.TOO_LARGE, Code.UNREACHABLE})
"""What a page looks like that RT cannot serve because of one transaction on it."""


async def rows(
    web: WebClient, query: str, *, order: str = "ASC", page: int = 1, per_page: int = PAGE, after: int = 0
) -> list[rt.Row | Torn]:
    """Transactions of one page. Raises RelevoError: as ``WebClient.json``."""
    asked = {"fields": FIELDS, **_asked(query, order, page, per_page)}
    return rt.rows((await web.json("GET", LIST, rt.Rows, query=asked)).items, after)


async def page(web: WebClient, scope: str, cursor: int, number: int) -> tuple[list[rt.Row | Torn], int]:
    """A page of what came after ``cursor``, and how many it has. One that is served broken is asked for one by
    one, if RT can say what is on it.

    Raises:
        RelevoError: as ``WebClient.json``.
    """
    query = f"{scope} AND id > {int(cursor)}"
    try:
        found = await rows(web, query, page=number, after=cursor)
        return found, len(found)
    except RelevoError as error:
        if error.code not in _SPOILT:
            raise
        whole = error
    try:
        listed = (await web.json("GET", LIST, rt.Ids, query=_asked(query, "ASC", number, PAGE))).items
        ids = [rt.number(one.id) for one in listed]
    except RelevoError:
        raise whole from None  # it is the system, and no page of its
    if not ids:
        raise whole
    return [row for id_ in ids for row in await _one(web, scope, id_)], len(ids)


async def _one(web: WebClient, scope: str, id_: str) -> list[rt.Row | Torn]:
    try:
        return await rows(web, f"{scope} AND id = {id_}", after=int(id_))
    except RelevoError as error:
        if error.code in HOLD_UP - BROKEN:
            raise
        return [Torn(id_, int(id_), error)]


def settled(row: rt.Row, now: datetime) -> bool:
    """Whether nothing with a lower number can appear any more."""
    try:
        return rt.moment(row.Created) < now - SETTLE
    except RelevoError:
        return False


def _asked(query: str, order: str, page: int, per_page: int) -> dict[str, str]:
    return {"query": query, "orderby": "id", "order": order, "page": str(page), "per_page": str(per_page)}
