"""The consent floor: what this machine does when a scope is asked for. Only this machine sets it."""

from __future__ import annotations

from typing import NamedTuple

from agent.folder import Folder
from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.organisation import Policy, ScopeFloor
from protocol.scopes import Floor, Scope
from protocol.wire import Wire, from_json, to_json

_STRICTNESS = {Floor.NOTIFY: 0, Floor.ASK: 1, Floor.NEVER: 2}


class LocalFloor(Wire, frozen=True):
    """Scopes that are not listed are asked for."""

    rows: tuple[ScopeFloor, ...] = ()

    def of(self, scope: Scope) -> Floor:
        for row in self.rows:
            if row.scope == scope:
                return row.floor
        return Floor.ASK

    def with_scope(self, scope: Scope, floor: Floor) -> LocalFloor:
        kept = tuple(row for row in self.rows if row.scope != scope)
        return LocalFloor(rows=(*kept, ScopeFloor(scope=scope, floor=floor)))


class Decision(NamedTuple):
    """What the floor says of a request."""

    askable: tuple[Scope, ...]
    """Scopes that may be granted at all."""
    automatic: bool
    """True when every askable scope only notifies: consent is given by the floor."""


def decide(asked: tuple[Scope, ...], local: LocalFloor, policy: Policy) -> Decision:
    """Apply the stricter of the machine's and the organisation's floor to each scope.

    The organisation's policy can make things stricter than the machine's owner did, never laxer.
    """
    organisation = {row.scope: row.floor for row in policy.consent_floor}
    floors = {
        scope: max(local.of(scope), organisation.get(scope, Floor.NOTIFY), key=lambda f: _STRICTNESS[f])
        for scope in asked
    }
    askable = tuple(scope for scope in asked if floors[scope] is not Floor.NEVER)
    automatic = bool(askable) and all(floors[scope] is Floor.NOTIFY for scope in askable)
    return Decision(askable, automatic)


def read(folder: Folder) -> LocalFloor:
    """The machine's floor; without a file everything is asked. A damaged file refuses, not asks."""
    try:
        return from_json(read_file(folder.floor), LocalFloor)
    except RelevoError as error:
        if error.code is Code.NOT_FOUND:
            return LocalFloor()
        raise


def write(folder: Folder, floor: LocalFloor) -> None:
    write_private(folder.floor, to_json(floor))
