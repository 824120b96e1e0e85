"""The draft's desk settings from a TOML file. ``relevo org publish`` makes them count.

A file says only what it is about: a table or list that it does not name stays as it is, and so does every
field of a customer that it does not name. Calendars and targets set by their own commands survive.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from protocol.desk import Desk, problems, require_calendars
from protocol.drivers.files import read_file
from protocol.errors import Code, RelevoError
from protocol.scopes import ANY_CUSTOMER
from technician.org.state import OrgFolder

_MAX_FILE = 4 << 20


def set_desk(home: Path, file: Path) -> Desk:
    """Stage what the file says.

    Raises:
        RelevoError: ``not-found``; ``usage`` naming what is wrong with the file: its syntax, a field, or a
            name that the organisation does not know; ``parameter-invalid`` for a broken calendar.
    """
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        desk = read_desk(read_file(file, _MAX_FILE), state.desk)
        wrong = problems(
            desk,
            frozenset(customer.id for customer in state.roster.customers),
            frozenset(person.id for person in state.roster.technicians),
        )
        if wrong:
            raise RelevoError(Code.USAGE, "; ".join(wrong[:10]))
        require_calendars(desk)
        folder.stage(state, desk=desk)
        return desk


def read_desk(content: bytes, old: Desk) -> Desk:
    """``old`` with what the TOML says. Raises RelevoError: ``usage``."""
    try:
        said = tomllib.loads(content.decode("utf-8"))
        merged = msgspec.to_builtins(old) | said
        if "customers" in said:
            merged["customers"] = _merged(msgspec.to_builtins(old.customers), said["customers"])
        return msgspec.json.decode(msgspec.json.encode(merged), type=Desk)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, TypeError) as error:
        raise RelevoError(Code.USAGE, str(error)) from error


def _merged(old: list[dict[str, Any]], said: Any) -> list[dict[str, Any]]:
    """Customers by name: the fields of the file over those of the draft. The file's own order of checks is
    the decoder's; here nothing is judged."""
    if not isinstance(said, list) or not all(isinstance(row, dict) for row in said):
        raise RelevoError(Code.USAGE, "customers is a list of tables")
    rows = {row["customer"]: row for row in old}
    for row in said:
        name = row.get("customer", ANY_CUSTOMER)
        rows[str(name)] = rows.get(str(name), {}) | row
    return list(rows.values())
