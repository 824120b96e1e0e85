"""journald through ``journalctl -o json``: the only reader that knows every version of its files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from agent import processes
from agent.logs.sources import JOURNAL

_FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,_COMM,_PID,SYSLOG_PID,_SYSTEMD_UNIT,_SYSTEMD_USER_UNIT"
_LINE_LIMIT = 1 << 20
_END_WAIT_S = 5.0


class Entry(NamedTuple):
    """One journal entry: when, ``journal:UNIT``, and the line as syslog would write it."""

    at: datetime | None
    source: str
    raw: bytes


def command(
    folder: str | None, unit: str | None, since: datetime | None, until: datetime | None, follow: int | None
) -> list[str] | None:
    """argv of journalctl, or None where this machine has none.

    Args:
        folder: where the journal files are; None means the system's.
        follow: go on for ever, after this many earlier entries; None ends at the end.
    """
    program = processes.find_program("journalctl")
    if program is None:
        return None
    argv = [program, "--output=json", "--no-pager", "--quiet", f"--output-fields={_FIELDS}"]
    argv += [f"--directory={folder}"] if folder else ["--merge"]
    argv += [f"--unit={unit}"] if unit else []
    argv += [f"--since=@{since.timestamp():.6f}"] if since else []
    argv += [f"--until=@{until.timestamp():.6f}"] if until else []
    argv += ["--follow", f"--lines={follow}"] if follow is not None else []
    # It must not outlive us, however we end: a followed journal would be read for ever.
    guard = processes.find_program("setpriv")
    return [guard, "--pdeathsig", "KILL", "--", *argv] if guard else argv


async def entries(argv: list[str]) -> AsyncGenerator[tuple[Entry, int], None]:
    """Entries as journalctl gives them, each with the bytes it took. Closing ends journalctl.

    Raises:
        OSError: at the end, when journalctl says that it could not read the journal.
    """
    child = await processes.spawn(argv, limit=_LINE_LIMIT)
    assert child.stdout is not None  # noqa: S101 - a pipe, see processes.spawn
    try:
        while line := await _line(child.stdout):
            entry = parse(line)
            if entry is not None:
                yield entry, len(line)
        async with asyncio.timeout(_END_WAIT_S):
            if await child.wait():
                raise OSError("there is none, or it may not be read")
    finally:
        processes.kill_session(child.pid)
        async with asyncio.timeout(_END_WAIT_S):
            await child.wait()


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line; one that is longer than the limit is passed over as an empty object."""
    cut = False
    while True:
        try:
            line = await stream.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            return b"" if cut else error.partial
        except asyncio.LimitOverrunError as error:
            await stream.readexactly(error.consumed)
            cut = True
            continue
        return b"{}\n" if cut else line


def parse(line: bytes) -> Entry | None:
    """One line of ``journalctl -o json``; None when it holds no message (systemd.journal-fields(7):
    fields that are not text come as lists of byte values, too large ones as null)."""
    try:
        fields: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return None
    message = _field(fields.get("MESSAGE"))
    if not message:
        return None
    name = _field(fields.get("SYSLOG_IDENTIFIER")) or _field(fields.get("_COMM"))
    pid = _field(fields.get("SYSLOG_PID")) or _field(fields.get("_PID"))
    head = name + (b"[" + pid + b"]" if pid else b"") + b": " if name else b""
    unit = _field(fields.get("_SYSTEMD_UNIT")) or _field(fields.get("_SYSTEMD_USER_UNIT"))
    source = f"{JOURNAL}:{unit.decode('utf-8', 'replace')[:180]}" if unit else JOURNAL
    return Entry(_time(fields.get("__REALTIME_TIMESTAMP")), source, head + message)


def _field(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, list):
        if value and isinstance(value[0], str):  # the field came more than once
            return value[0].encode("utf-8", "replace")
        return bytes(byte for byte in value if isinstance(byte, int) and 0 <= byte < 256)
    return b""


def _time(value: object) -> datetime | None:
    if not isinstance(value, str) or not value.isdigit() or len(value) > 17:
        return None
    return datetime.fromtimestamp(int(value) / 1_000_000, UTC)
