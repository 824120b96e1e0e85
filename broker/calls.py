"""What a route is and what its handler gets: the types of the table in ``broker.routes``."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from protocol.audit import Action, Actor, ActorKind
from protocol.errors import Code, RelevoError
from protocol.organisation import Technician, tier_for
from protocol.scopes import Role
from protocol.sshkeys import PublicKey
from protocol.wire import Fact, Wire, facts

if TYPE_CHECKING:
    from broker.context import Broker

W = TypeVar("W", bound=Wire)

MAX_BODY = 1 << 20
BODY_DEADLINE_S = 30.0
MAX_QUERY = 200


class Open(enum.Enum):
    """Routes that need no login."""

    PUBLIC = "public"
    """Anybody: nothing that is secret or changes anything."""
    PROOF = "proof"
    """The message itself proves who sends it (a signature or a one-time token), checked inside."""


Access = Open | frozenset[Role]

MEMBER: Access = frozenset(Role)
"""Anybody in the roster."""
TECHNICIAN: Access = frozenset({Role.TECHNICIAN})
HELPER: Access = frozenset({Role.TECHNICIAN, Role.EXPERT})
"""Technicians, and outside experts on the tickets that they are invited to."""
ADMIN: Access = frozenset({Role.ADMIN})


@dataclass(frozen=True)
class Caller:
    """A logged-in person, checked against the roster as it is now."""

    person: Technician
    key: PublicKey
    login: bytes
    """SHA-256 of the bearer: names the login without being one."""

    @property
    def actor(self) -> Actor:
        return Actor(kind=ActorKind.TECHNICIAN, id=self.person.id)

    def has(self, role: Role) -> bool:
        return role in self.person.roles

    @property
    def sees_all(self) -> bool:
        """Admins and auditors look at every customer; they still act only where they have a tier."""
        return self.has(Role.ADMIN) or self.has(Role.AUDITOR)

    def may_see(self, customer: str) -> bool:
        """True when the person has a tier at this customer, or sees all."""
        if self.sees_all:
            return True
        try:
            tier_for(self.person, customer)
        except RelevoError:
            return False
        return True


@dataclass
class About:
    """What a request turned out to be about; only used to record a refusal of it."""

    actor: Actor | None = None
    """Whom the request claims to come from, where nobody is logged in."""
    customer: str | None = None
    ticket: str | None = None
    grant: str | None = None
    agent: str | None = None
    facts: tuple[Fact, ...] = ()
    evidence: tuple[bytes, ...] = ()
    recorded: bool = False
    """True once the handler has written its own record of the refusal."""


@dataclass(frozen=True)
class Call:
    """One HTTP request that the guard let through."""

    request: Request
    caller: Caller | None
    body: Wire | None
    reference: str
    source: str
    about: About = field(default_factory=About)

    @property
    def who(self) -> Caller:
        """The caller of a route that needs a role."""
        if self.caller is None:
            raise RelevoError(Code.UNAUTHENTICATED, "no login")
        return self.caller

    def take(self, kind: type[W]) -> W:
        """The decoded body, which the route's row says is a ``kind``."""
        if not isinstance(self.body, kind):
            raise RelevoError(Code.MALFORMED, f"expected {kind.__name__}")
        return self.body

    def param(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str | None:
        """A query parameter. Raises RelevoError: ``usage`` over MAX_QUERY characters."""
        value = self.request.query_params.get(name)
        if value is not None and len(value) > MAX_QUERY:
            raise RelevoError(Code.USAGE, f"{name} is too long")
        return value

    def query_int(self, name: str, default: int, low: int, high: int) -> int:
        """An integer query parameter within bounds. Raises RelevoError: ``usage``."""
        text = self.query(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
            raise RelevoError(Code.USAGE, f"{name} must be a number from {low} to {high}")
        return int(text)


HttpHandler = Callable[["Broker", Call], Awaitable[Wire | Response | None]]
SocketHandler = Callable[["Broker", WebSocket], Awaitable[None]]


@dataclass(frozen=True)
class Http:
    """One HTTP route. A ``Wire`` result is sent as JSON, None as 204."""

    method: str
    path: str
    handler: HttpHandler
    access: Access
    takes: type[Wire] | None = None
    """JSON body; None: there is no body (or, with ``streams``, the handler reads it itself)."""
    gives: type[Wire] | str | None = None
    """JSON answer, or the media type of anything else."""
    query: tuple[str, ...] = ()
    max_body: int = MAX_BODY
    body_deadline_s: float = BODY_DEADLINE_S
    streams: bool = False
    refusal: Action = Action.ACCESS_REFUSED
    """How a refusal is recorded."""


@dataclass(frozen=True)
class Socket:
    """One WebSocket route. The handler accepts or closes."""

    path: str
    handler: SocketHandler
    access: Access
    refusal: Action = Action.ACCESS_REFUSED
    method: str = "WS"


Row = Http | Socket


def refusal_facts(method: str, path: str, code: Code, source: str) -> tuple[Fact, ...]:
    return facts(method=method, path=path[:200], code=code.value, source=source)
