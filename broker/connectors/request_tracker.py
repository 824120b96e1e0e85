"""Request Tracker 5 through its REST 2 interface, as one user with an auth token.

Sources: the documentation in ``RT::REST2`` (also at ``GET /REST/2.0/``), ``RT::Transactions`` for
TransactionSQL, Debian's request-tracker5 5.0.3.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

from broker.connectors import rt_answers as rt
from broker.connectors import rt_pages
from broker.connectors.contract import (
    BROKEN,
    HOLD_UP,
    Capabilities,
    Changes,
    Event,
    Identity,
    Message,
    Moved,
    NewTicket,
    Opened,
    Person,
    RemoteTicket,
    Said,
    StateSet,
    Torn,
    Wish,
)
from broker.connectors.plain import from_html
from broker.connectors.rt_pages import PATH
from broker.connectors.web import WebClient, text_query
from protocol.errors import Code, RelevoError
from protocol.tickets import State

T = TypeVar("T")

MAX_PAGES = 10
"""Pages of one ``changes``."""
AUTOMATIC = timedelta(seconds=10)
"""RT's scrips (reopen on correspondence, ...) act as ``RT_System`` within the request that set them off."""
SYSTEM_USERS = frozenset({"RT_System", "Nobody"})
MAX_PARTS = 10
"""Attachments of one transaction that are looked at for its words."""
MAX_PEOPLE = 1_000
CREATE, CORRESPOND, COMMENT, STATUS, SET = "Create", "Correspond", "Comment", "Status", "Set"

TELLS: dict[State, tuple[str, ...]] = {
    State.NEW: ("open", "new"),
    State.ASSIGNED: ("open", "new"),
    State.IN_PROGRESS: ("open",),
    State.PENDING: ("stalled",),
    State.RESOLVED: ("resolved",),
    State.CLOSED: ("resolved",),
    State.CANCELLED: ("rejected", "deleted", "resolved"),
}
"""RT's default life cycle."""
WISHES: dict[str, Wish] = {
    "new": Wish.NOTHING,
    "open": Wish.GO_ON,
    "stalled": Wish.WAIT,
    "resolved": Wish.SOLVED,
    "rejected": Wish.DROPPED,
    "deleted": Wish.DROPPED,
}


class RequestTracker:
    """The connector. ``queues`` are the names that take part; ``org`` keeps the ids of several Relevos that
    share one RT apart."""

    capabilities = Capabilities()
    tells: Mapping[State, tuple[str, ...]] = TELLS
    wishes: Mapping[str, Wish] = WISHES

    def __init__(self, web: WebClient, token: str, queues: Sequence[str], org: str) -> None:
        self._web = web
        self._token = token
        self._names = tuple(queues)
        self._org = org
        self._user, self._number = "", ""
        self._queues: dict[str, str] = {}
        self._people: dict[str, Person] = {}

    async def aclose(self) -> None:
        await self._web.aclose()

    # --- who and where -------------------------------------------------------------------------

    async def identify(self) -> Identity:
        """Look up the token's user and the queues' numbers; everything else needs them.

        Raises:
            RelevoError: ``unauthenticated``; ``not-found`` for a queue; as ``WebClient.json``.
        """
        system = await self._get("/rt", rt.System)
        # version-user-secret, RT::AuthToken: RT has no request that says who is asking.
        parts = self._token.split("-")
        number = parts[1] if len(parts) == 3 and rt.NUMBER.fullmatch(parts[1]) else ""
        user = (await self._get(f"/user/{number}", rt.User)).Name if number else None
        if not user:
            raise RelevoError(Code.UNAUTHENTICATED, "RT does not say whom the token belongs to")
        queues: dict[str, str] = {}
        for name in self._names:
            found = await self._get(f"/queue/{quote(name, safe='')}", rt.Queue)
            if str(found.Disabled or "0") != "0" or not found.id:
                raise RelevoError(Code.NOT_FOUND, f"queue {name!a}")
            queues[str(found.id)] = name
        self._user, self._number, self._queues = user, number, queues
        return Identity(user, f"RT {ascii(system.Version)[1:-1][:40]}", tuple(queues.values()))

    async def _ready(self) -> None:
        if not self._user:
            await self.identify()

    async def _person(self, name: str) -> Person:
        known = self._people.get(name)
        if known is None:
            try:
                user = await self._get(f"/user/{quote(name, safe='')}", rt.User)
            except RelevoError as error:
                if error.code not in (Code.NOT_FOUND, Code.REFUSED):
                    raise
                user = rt.User()
            staff = user.Privileged in (1, "1")
            known = Person((user.RealName if staff else None) or name, user.EmailAddress or None, staff)
            if len(self._people) >= MAX_PEOPLE:
                self._people.clear()
            self._people[name] = known
        return known

    # --- what happened there -------------------------------------------------------------------

    async def newest(self) -> int:
        await self._ready()
        found = await rt_pages.rows(self._web, f"{self._scope()} AND id > 0", order="DESC", per_page=1)
        if not found:
            return 0
        return found[0].id if isinstance(found[0], rt.Row) else found[0].position

    async def changes(self, cursor: int) -> Changes:
        await self._ready()
        rows: list[rt.Row | Torn] = []
        full = True
        for page in range(1, MAX_PAGES + 1):
            found, count = await rt_pages.page(self._web, self._scope(), cursor, page)
            rows += found
            full = count >= rt_pages.PAGE
            if not full:
                break
        whole = [row for row in rows if isinstance(row, rt.Row)]
        events: list[Event] = []
        torn: list[Torn] = []
        settled = [cursor]
        now = self._web.answered or datetime.now(UTC)
        for row in rows:
            found_out = row if isinstance(row, Torn) else await self._told(row, whole)
            if isinstance(found_out, Torn):
                torn.append(found_out)
            elif found_out is not None:
                events.append(found_out)
            # More than fits in one look happened within the time to settle: going on matters more.
            if full or (isinstance(row, rt.Row) and rt_pages.settled(row, now)):
                settled.append(row.id if isinstance(row, rt.Row) else row.position)
        return Changes(tuple(events), max(settled), full, tuple(torn))

    async def event(self, event: str) -> Event | None:
        await self._ready()
        found = await rt_pages.rows(self._web, f"{self._scope()} AND id = {rt.number(event)}")
        for row in found:
            if isinstance(row, Torn):
                raise row.error
            return await self._event(row, [row])
        return None

    async def _told(self, row: rt.Row, near: Sequence[rt.Row]) -> Event | Torn | None:
        """As ``_event``; what of one transaction is served broken is about that one."""
        try:
            return await self._event(row, near)
        except RelevoError as error:
            if error.code in HOLD_UP - BROKEN:
                raise
            return Torn(str(row.id), row.id, error)

    def _scope(self) -> str:
        """Transactions that matter, all of which the user may see: the list is cut to pages before RT drops
        what may not be seen, so that a page of hidden ones would look like the end."""
        queues = " OR ".join(f"TicketQueue = '{number}'" for number in self._queues)
        kinds = " OR ".join(f"Type = '{kind}'" for kind in (CREATE, CORRESPOND, COMMENT, STATUS))
        moved = f"(Type = '{SET}' AND Field = 'Queue')"
        return f"ObjectType = 'RT::Ticket' AND ({queues}) AND ({kinds} OR {moved})"

    async def _event(self, row: rt.Row, near: Sequence[rt.Row]) -> Event | None:
        """None for what this user did, or set off."""
        who = row.Creator.id
        if row.Type == STATUS and who in SYSTEM_USERS:
            who = await self._cause(row, near)
        if who == self._user:
            return None
        about = {
            "event": str(row.id),
            "position": row.id,
            "remote": rt.number(row.ObjectId),
            "at": rt.moment(row.Created),
            "by": await self._person(who),
        }
        match row.Type:
            case "Create":
                return Opened(**about)  # type: ignore[arg-type]
            case "Correspond" | "Comment":
                return Said(**about, internal=row.Type == COMMENT)  # type: ignore[arg-type]
            case "Status":
                before, after = row.OldValue or "", row.NewValue or ""
                return StateSet(**about, before=before[:64], after=after[:64])  # type: ignore[arg-type]
            case "Set":
                return Moved(**about)  # type: ignore[arg-type]
        return None

    async def _cause(self, row: rt.Row, near: Sequence[rt.Row]) -> str:
        """Whose doing an automatic change is: who touched the ticket just before. ``RT_System`` itself where
        nobody did, such as a nightly job."""
        before = [one for one in near if one.ObjectId == row.ObjectId and one.id < row.id]
        if not any(one.Creator.id not in SYSTEM_USERS for one in before):
            query = [
                {"field": "id", "operator": "<", "value": row.id},
                {"field": "id", "operator": ">", "value": row.id - 50, "entry_aggregator": "AND"},
            ]
            before = await self._history(rt.number(row.ObjectId), query)
        people = [one for one in before if one.Creator.id not in SYSTEM_USERS]
        if not people:
            return row.Creator.id
        last = max(people, key=lambda one: one.id)
        soon = abs(rt.moment(row.Created) - rt.moment(last.Created)) <= AUTOMATIC
        return last.Creator.id if soon else row.Creator.id

    async def _history(self, remote: str, query: Sequence[Mapping[str, object]]) -> list[rt.Row]:
        asked = {"query": text_query(query), "fields": rt_pages.FIELDS, "orderby": "id", "per_page": "100"}
        found: list[rt.Row] = []
        for row in rt.rows((await self._get(f"/ticket/{rt.number(remote)}/history", rt.Rows, asked)).items):
            if isinstance(row, Torn):
                raise row.error
            found.append(row)
        return found

    # --- tickets and words ---------------------------------------------------------------------

    async def ticket(self, remote: str) -> RemoteTicket:
        await self._ready()
        found = await self._get(f"/ticket/{rt.number(remote)}", rt.Ticket)
        own = found.Creator.id == self._user
        prefix = self._link("")
        ours = next((one.url.removeprefix(prefix) for one in found.links if one.url.startswith(prefix)), None)
        return RemoteTicket(
            remote=rt.number(found.id),
            queue=self._queues.get(found.Queue.id, ""),
            status=found.Status[:64],
            title=found.Subject or "",
            requesters=tuple([await self._person(one.id) for one in found.Requestor[:10] if one.id]),
            own=own,
            # Anybody over there may add links; ours are believed only on tickets that we made.
            ours=ours if own else None,
        )

    async def opening(self, remote: str) -> str:
        await self._ready()
        rows = await self._history(remote, [{"field": "Type", "value": CREATE}])
        return await self._text(rows[0].id) if rows else ""

    async def words(self, event: Said) -> str:
        return await self._text(int(rt.number(event.event)))

    async def _text(self, transaction: int) -> str:
        """The first plain text part that is no file; else the first HTML one, as text. Files are named."""
        parts = await self._get(f"/transaction/{transaction}/attachments", rt.Ids, {"per_page": "100"})
        html, files = "", []
        for ref in parts.items[:MAX_PARTS]:
            try:
                part = await self._get(f"/attachment/{rt.number(ref.id)}", rt.Part)
            except RelevoError as error:
                if error.code is not Code.TOO_LARGE:
                    raise
                files.append("…")
                continue
            kind = (part.ContentType or "").lower()
            if part.Filename:
                files.append(part.Filename[:100])
            elif kind == "text/plain" and part.Content:
                return rt.with_files(rt.decoded(part), files)
            elif kind == "text/html" and part.Content and not html:
                html = await asyncio.to_thread(from_html, rt.decoded(part))
        return rt.with_files(html, files)

    # --- what is done there --------------------------------------------------------------------

    def _link(self, ours: str) -> str:
        return f"relevo:{self._org}/{ours}"

    async def find(self, ours: str) -> str | None:
        await self._ready()
        user = self._user.replace("\\", "\\\\").replace("'", "\\'")
        asked = {"query": f"RefersTo = '{self._link(ours)}' AND Creator = '{user}'", "orderby": "id"}
        found = (await self._get("/tickets", rt.Ids, asked)).items
        return rt.number(found[0].id) if found else None

    async def create(self, new: NewTicket) -> str:
        await self._ready()
        body = {
            "Queue": new.queue,
            "Subject": new.title,
            "Status": new.status,
            "Content": new.text or new.title,
            "ContentType": "text/plain",
            # In RT's own transaction with the ticket: there is no ticket of ours that `find` misses.
            "RefersTo": self._link(new.ours),
        }
        return rt.number((await self._web.json("POST", f"{PATH}/ticket", rt.Ref, body=body)).id)

    async def mark(self, remote: str, ours: str) -> None:
        await self._ready()
        link = {"AddRefersTo": self._link(ours)}
        await self._web.json("PUT", f"{PATH}/ticket/{rt.number(remote)}", list[str], body=link)

    async def say(self, remote: str, message: Message, after: int) -> int:
        await self._ready()
        path = f"{PATH}/ticket/{rt.number(remote)}"
        said = await self._said(remote, message.marker, after)
        if said is not None:
            return said
        files = [
            {
                "FileName": one.name,
                "FileType": one.media_type,
                "FileContent": base64.b64encode(one.content).decode(),
            }
            for one in message.files
        ]
        body = {"Content": message.text, "ContentType": "text/plain", "Subject": _subject(message)}
        kind = "comment" if message.internal else "correspond"
        await self._web.exchange(
            "POST", f"{path}/{kind}", body={**body, "Attachments": files} if files else body
        )
        said = await self._said(remote, message.marker, after)
        if said is None:
            raise RelevoError(Code.MALFORMED, f"RT took a message for ticket {remote} and does not show it")
        return said

    async def _said(self, remote: str, marker: str, after: int) -> int | None:
        """The transaction whose subject holds ``marker``; RT keeps a message's subject in ``Data``."""
        query: list[Mapping[str, object]] = [
            {"field": "Creator", "value": self._number},
            {"field": "id", "operator": ">", "value": after},
        ]
        for row in await self._history(remote, query):
            if row.Creator.id == self._user and f"[{marker}]" in (row.Data or ""):
                return row.id
        return None

    async def set_state(self, remote: str, status: str) -> None:
        await self._ready()
        path = f"{PATH}/ticket/{rt.number(remote)}"
        said = await self._web.json("PUT", path, list[str], body={"Status": status})
        # RT answers 200 with a sentence for people, whatever became of it.
        if (await self._get(f"/ticket/{rt.number(remote)}", rt.Ticket)).Status != status:
            why = ascii("; ".join(said))[1:-1][:150]
            raise RelevoError(Code.INVALID_TRANSITION, f"RT ticket {remote} to {status}: {why}")

    async def _get(self, path: str, kind: type[T], query: Mapping[str, str] | None = None) -> T:
        return await self._web.json("GET", PATH + path, kind, query=query)


def _subject(message: Message) -> str:
    """What requesters see in RT's mail; ``Data`` takes 255 characters."""
    return f"{message.title[:120]} [{message.marker}]"
