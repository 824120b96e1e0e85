"""Collector ``accounts``: can the people of this machine log in? No password data leaves ``/etc/shadow``."""

from __future__ import annotations

import os
import pwd
import stat
import time
from pathlib import Path
from typing import NamedTuple

from agent.collectors.base import Context
from protocol.diagnosis import Cell, FactClass, Item, Output, Status, fact, table

_FIRST_PERSON = 1_000
_NOBODY = 65_534
_NO_LOGIN = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")
_SHADOW = Path("/etc/shadow")
_SHADOW_BYTES = 1 << 20
_DAY_S = 86_400
_MAX_PEOPLE = 200


class _Aging(NamedTuple):
    """What shadow(5) says without the password: locked, and days left (None: no end)."""

    locked: bool
    password_days_left: float | None
    account_days_left: float | None


def accounts(context: Context) -> Output:
    """People (uid 1000 and up) and root: locked or expired, shell and home folder in order."""
    shadow = _shadow(context)
    people = [row for row in pwd.getpwall() if row.pw_uid == 0 or _FIRST_PERSON <= row.pw_uid < _NOBODY]
    rows = [_row(person, shadow.get(person.pw_name) if shadow else None) for person in people[:_MAX_PEOPLE]]
    nologin = Path("/etc/nologin").exists() or Path("/run/nologin").exists()
    return Output(
        status=Status.OK if shadow is not None else Status.PARTIAL,
        reason="" if shadow is not None else "needs-privilege: /etc/shadow",
        facts=(
            fact("person_count", sum(1 for person in people if person.pw_uid != 0)),
            fact("locked_count", _count(rows, 3) if shadow is not None else None),
            fact("expired_count", sum(1 for row in rows if _past(row[4]) or _past(row[5]))),
            fact("home_missing_count", sum(1 for row in rows if row[6] is False)),
            fact("home_foreign_count", sum(1 for row in rows if row[7] is False)),
            fact("shell_missing_count", sum(1 for row in rows if row[2] is False)),
            fact("logins_closed", nologin),
        ),
        tables=(
            table(
                "accounts",
                (
                    ("user", FactClass.PERSON),
                    "can_log_in",
                    "shell_present",
                    "locked",
                    "password_days_left",
                    "account_days_left",
                    "home_present",
                    "home_owned",
                    "home_mode",
                ),
                rows,
            ),
        ),
    )


def _row(person: pwd.struct_passwd, aging: _Aging | None) -> tuple[Cell, ...]:
    home: os.stat_result | None = None
    try:
        home = os.stat(person.pw_dir)  # noqa: PTH116 - the path is a string of the account database
    except PermissionError:
        present: bool | None = None
    except OSError:
        present = False
    else:
        present = stat.S_ISDIR(home.st_mode)
    return (
        person.pw_name,
        person.pw_shell not in _NO_LOGIN,
        person.pw_shell in _NO_LOGIN or Path(person.pw_shell or "/bin/sh").exists(),
        aging.locked if aging else None,
        aging.password_days_left if aging else None,
        aging.account_days_left if aging else None,
        present,
        home.st_uid == person.pw_uid if home else None,
        f"{stat.S_IMODE(home.st_mode):04o}" if home else None,
    )


def _shadow(context: Context) -> dict[str, _Aging] | None:
    """Ageing by user name, None where it may not be read. The file's hash is not put on record."""
    try:
        with _SHADOW.open("rb") as file:
            data = file.read(_SHADOW_BYTES)
    except OSError:
        return None
    context.items.append(Item(kind="file", source=str(_SHADOW), read_bytes=len(data)))
    return parse_shadow(data.decode("utf-8", "replace"), time.time() / _DAY_S)


def parse_shadow(text: str, today_days: float) -> dict[str, _Aging]:
    """Fields of shadow(5): 2 password, 3 last change, 5 maximum age, 8 expiry; in days since 1970."""
    found = {}
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) < 8:
            continue
        changed, most, expiry = (
            int(field) if field.isdecimal() else None for field in (fields[2], fields[4], fields[7])
        )
        password_left = None
        if changed is not None and most is not None and most < 99_999:
            password_left = round(changed + most - today_days, 1)
        # "!" in front of a password is what `passwd -l` writes; "*" alone means there never was one.
        found[fields[0]] = _Aging(
            locked=fields[1].startswith("!") and len(fields[1]) > 2,
            password_days_left=password_left,
            account_days_left=round(expiry - today_days, 1) if expiry is not None else None,
        )
    return found


def _count(rows: list[tuple[Cell, ...]], column: int) -> int:
    return sum(1 for row in rows if row[column] is True)


def _past(days: Cell) -> bool:
    return isinstance(days, float) and days < 0
