"""May this machine tell trends by itself? Only if it was enrolled so, and its owner said so, here.

Nobody else has a say: no message of the broker turns this on, asks for samples, or brings any back. A file
of its own beside the consent floor, because the idle process reads it and loads nothing for it.
"""

from __future__ import annotations

import enum

from agent.folder import Folder
from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.scopes import Floor, Mode
from protocol.wire import Wire, from_json, to_json


class TrendsFloor(Wire, frozen=True):
    """``notify``: they go by themselves. They are no session and nobody asks for them, so ``ask`` is a no
    until the owner of this machine says otherwise."""

    floor: Floor = Floor.ASK


class Telling(enum.StrEnum):
    """How it stands, for `status`."""

    SENT = "sent"
    OFF = "off"
    """Enrolled so that it could, and its owner did not say so, or said no."""
    ATTENDED = "attended"
    """Enrolled so that its user is asked for everything: nothing goes by itself."""


def read(folder: Folder) -> Floor:
    """Raises RelevoError: ``malformed`` for a damaged file, which allows nothing."""
    try:
        return from_json(read_file(folder.trends_consent, 4_096), TrendsFloor).floor
    except RelevoError as error:
        if error.code is Code.NOT_FOUND:
            return Floor.ASK
        raise


def write(folder: Folder, floor: Floor) -> None:
    """Raises RelevoError: ``not-applicable`` to turn it on where the machine was enrolled attended."""
    if floor is Floor.NOTIFY:
        require_possible(folder)
    write_private(folder.trends_consent, to_json(TrendsFloor(floor=floor)))


def telling(folder: Folder) -> Telling:
    """Raises RelevoError: ``not-connected``; as ``read``."""
    if folder.membership().mode is not Mode.STANDING:
        return Telling.ATTENDED
    return Telling.SENT if read(folder) is Floor.NOTIFY else Telling.OFF


def allowed(folder: Folder) -> bool:
    """False also when it cannot be found out."""
    try:
        return telling(folder) is Telling.SENT
    except RelevoError:
        return False


def require_possible(folder: Folder) -> None:
    """Raises RelevoError: ``not-applicable`` where the machine was enrolled attended."""
    if folder.membership().mode is not Mode.STANDING:
        raise RelevoError(Code.NOT_APPLICABLE, "this machine was enrolled attended: nothing goes by itself")
