"""What Request Tracker's REST 2 interface answers, as far as it matters here.

Ids and addresses are data: no URL that RT sends is followed. Lists are short because we ask for short ones.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from broker.connectors.contract import Torn
from protocol.errors import Code, RelevoError

NUMBER = re.compile(r"[1-9][0-9]{0,15}")
MAX_TEXT_PART = 1 << 20
Id = Annotated[int, Meta(ge=1, le=1 << 53)]


class Ref(msgspec.Struct, frozen=True):
    """RT writes ids as numbers here and as texts there; those of users are names."""

    number: int | str = msgspec.field(default="", name="id")

    @property
    def id(self) -> str:
        return str(self.number)


class Row(msgspec.Struct, frozen=True):
    """A transaction."""

    id: Id
    Type: str = ""
    Creator: Ref = Ref()
    Created: str = ""
    ObjectId: int | str = ""
    Field: str | None = None
    OldValue: str | None = None
    NewValue: str | None = None
    Data: str | None = None


class Rows(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw] = []
    """Each to be read by itself (``rows``): one that is broken spoils no others."""


class _Numbered(msgspec.Struct, frozen=True):
    id: Id


class Ids(msgspec.Struct, frozen=True):
    items: list[Ref] = []


class Link(msgspec.Struct, frozen=True):
    ref: str = ""
    url: str = msgspec.field(default="", name="_url")


class Ticket(msgspec.Struct, frozen=True):
    id: Id
    Subject: str | None = None
    Status: str = ""
    Queue: Ref = Ref()
    Creator: Ref = Ref()
    Requestor: list[Ref] = []
    links: list[Link] = msgspec.field(default_factory=list, name="_hyperlinks")


class User(msgspec.Struct, frozen=True):
    Name: str | None = None
    RealName: str | None = None
    EmailAddress: str | None = None
    Privileged: int | str | None = None


class Part(msgspec.Struct, frozen=True):
    """An attachment: one part of a message, base64."""

    ContentType: str | None = None
    Filename: str | None = None
    Content: str | None = None


class Queue(msgspec.Struct, frozen=True):
    id: Id
    Name: str | None = None
    Disabled: int | str | None = None


class System(msgspec.Struct, frozen=True):
    Version: str = ""


def rows(items: Sequence[msgspec.Raw], after: int = 0) -> list[Row | Torn]:
    """Transactions in the order in which they came. One without an id has that of the one before it (``after``
    for the first), and is named by its content."""
    found: list[Row | Torn] = []
    for raw in items:
        try:
            row = msgspec.json.decode(raw, type=Row, strict=False)
            found.append(row)
            after = row.id
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
            broken = RelevoError(Code.MALFORMED, f"a transaction: {ascii(str(error))[:200]}")
            try:
                after = msgspec.json.decode(raw, type=_Numbered, strict=False).id
                found.append(Torn(str(after), after, broken))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
                name = hashlib.sha256(bytes(raw)).hexdigest()[:16]
                found.append(Torn(f"?{name}", after, broken))
    return found


def number(text: object) -> str:
    """An id as RT writes it. Raises RelevoError: ``malformed``."""
    found = str(text)
    if not NUMBER.fullmatch(found):
        raise RelevoError(Code.MALFORMED, f"no id of RT: {ascii(found)[:40]}")
    return found


def moment(text: str) -> datetime:
    """RT's times are W3CDTF in UTC. Raises RelevoError: ``malformed``."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RelevoError(Code.MALFORMED, f"no time of RT: {ascii(text)[:40]}") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def decoded(part: Part) -> str:
    """RT sends text as UTF-8 in base64 with line ends."""
    try:
        return base64.b64decode(part.Content or "")[:MAX_TEXT_PART].decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise RelevoError(Code.MALFORMED, "an attachment that is not base64") from error


def with_files(text: str, files: Sequence[str]) -> str:
    """Files stay over there; that there are some is said."""
    return "\n".join([text.strip(), *(f"[{name}]" for name in files)]).strip()
