"""The tables of protocol/SPEC.md, made from the types they describe.

``python -m tests.support.spec`` writes them into the text between their marks; a test compares.
"""

from __future__ import annotations

import enum
import re
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Meta

from broker.calls import MEMBER, Http, Open, Row
from broker.routes import ROUTES
from protocol import addresses, assist, audit, documents, ids, link, wire
from protocol.audit import Action
from protocol.errors import MEANING, Code
from protocol.wording.errors import TABLE as ERROR_WORDS
from tests.support.world import ROOT

SPEC = ROOT / "protocol" / "SPEC.md"

_ALIASES: tuple[tuple[Any, str], ...] = (
    (ids.OrgId, "organisation id"),
    (ids.AgentId, "agent id"),
    (ids.GrantId, "hex id"),
    (ids.TicketId, "ticket id"),
    (ids.ArtifactId, "artifact id"),
    (wire.Moment, "time"),
    (wire.Line, "line"),
    (wire.Text, "text"),
    (wire.Name, "name"),
    (wire.Sha256, "sha256"),
    (wire.Nonce, "nonce"),
    (wire.Size, "bytes count"),
    (wire.Count, "count"),
    (documents.Version, "1"),
    (documents.PublicKeyText, "public key line"),
    (documents.Reason, "text, 1 to 500"),
    (documents.Scopes, "list of scope, 1 to 8"),
    (link.Ref, "ref"),
    (addresses.Email, "e-mail address"),
)
_PLAIN: dict[Any, str] = {str: "text", int: "integer", float: "number", bool: "boolean", bytes: "bytes"}


def described(kind: Any) -> str:
    """A type in words: ``name``, ``list of scope, at most 8``, ``ticket id or null``."""
    for alias, name in _ALIASES:
        if kind == alias:
            return name
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        base, *metas = typing.get_args(kind)
        limits = [text for meta in metas if isinstance(meta, Meta) for text in _limits(meta)]
        return ", ".join([described(base), *limits])
    if origin in (typing.Union, types.UnionType):
        parts = [part for part in typing.get_args(kind) if part is not types.NoneType]
        return " or ".join([*(described(part) for part in parts), "null"])
    if origin is tuple:
        return f"list of {described(typing.get_args(kind)[0])}"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _enumerated(kind)
    return f"`{kind.__name__}`"


def _enumerated(kind: type[enum.Enum]) -> str:
    if len(kind) > 10:
        return {Action: "action", Code: "problem code"}.get(kind, f"`{kind.__name__}`")
    return " / ".join(f"`{member.value}`" for member in kind)


def _limits(meta: Meta) -> Iterable[str]:
    if meta.pattern is not None:
        choice = re.fullmatch(r"\^\(([a-z|-]+)\)\$", meta.pattern)
        yield " / ".join(f"`{one}`" for one in choice[1].split("|")) if choice else f"`{meta.pattern[1:-1]}`"
    if meta.min_length is not None and meta.max_length is not None:
        yield f"{meta.min_length} to {meta.max_length}"
    elif meta.max_length is not None:
        yield f"at most {meta.max_length}"
    low, high = (meta.ge if meta.ge is not None else meta.gt), meta.le
    if low is not None and high is not None:
        yield f"{low} to {high}"


def fields(kind: type[msgspec.Struct]) -> str:
    """``field`` (type) pairs of a struct, in order."""
    hints = typing.get_type_hints(kind, include_extras=True)
    told = [
        f"`{field.encode_name}` ({described(hints[field.name])})" for field in msgspec.structs.fields(kind)
    ]
    return "; ".join(told) or "none"


def _tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


def _tagged(union: Any) -> str:
    rows = [f"| `{_tag(kind)}` | {fields(kind)} |" for kind in typing.get_args(union)]
    return "\n".join(["| message | fields |", "|---|---|", *rows])


def _documents() -> str:
    kinds = [kind for kind in documents.Document.__subclasses__() if kind.KIND]
    rows = [f"| `{kind.KIND}` | {fields(kind)} |" for kind in kinds]
    return "\n".join(["| kind | fields, in this order |", "|---|---|", *rows])


def _records() -> str:
    kinds = (audit.AuditRecord, audit.Actor, wire.Fact)
    rows = [f"| `{kind.__name__}` | {fields(kind)} |" for kind in kinds]
    return "\n".join(["| type | fields, in this order |", "|---|---|", *rows])


def _problems() -> str:
    rows = [
        f"| `{code.value}` | {MEANING[code].http} | {int(MEANING[code].exit)} | {_plain(ERROR_WORDS[code.value][0])} |"
        for code in Code
    ]
    return "\n".join(["| code | HTTP | exit status | meaning |", "|---|---|---|---|", *rows])


def _plain(text: str) -> str:
    return re.sub(r":? \{detail\}", "", text).rstrip(".")


def _access(row: Row) -> str:
    if isinstance(row.access, Open):
        return {Open.PUBLIC: "anybody", Open.PROOF: "proof inside"}[row.access]
    if row.access == MEMBER:
        return "roster"
    return ", ".join(sorted(role.value for role in row.access))


def _routes() -> str:
    rows = []
    for row in ROUTES:
        takes = row.takes.__name__ if isinstance(row, Http) and row.takes else ""
        gives = row.gives if isinstance(row, Http) and row.gives else None
        answer = (
            "WebSocket" if not isinstance(row, Http) else gives.__name__ if isinstance(gives, type) else gives
        )
        path = row.path.replace(":path", "")
        rows.append(f"| {row.method} | `{path}` | {_access(row)} | {takes} | {answer or ''} |")
    return "\n".join(["| method | path | who | takes | gives |", "|---|---|---|---|---|", *rows])


def _actions() -> str:
    return ", ".join(f"`{action.value}`" for action in Action)


def _assist_events() -> str:
    return _tagged(assist.Event)


TABLES: dict[str, Callable[[], str]] = {
    "documents": _documents,
    "records": _records,
    "actions": _actions,
    "from-broker": lambda: _tagged(link.FromBroker),
    "from-agent": lambda: _tagged(link.FromAgent),
    "requests": lambda: _tagged(assist.Request),
    "events": _assist_events,
    "routes": _routes,
    "problems": _problems,
}


def generated(text: str) -> str:
    """``text`` with each table between its marks made anew."""
    for name, make in TABLES.items():
        start, end = f"<!-- table: {name} -->\n", f"<!-- end: {name} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise ValueError(f"SPEC has not exactly one place for table {name}")
        before, rest = text.split(start)
        text = f"{before}{start}{make()}\n{end}{rest.split(end)[1]}"
    return text


if __name__ == "__main__":
    SPEC.write_text(generated(SPEC.read_text()))
