"""`relevo-agent trends`, and `consent set trends`: what this machine tells by itself, and whether it does."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from agent import identity
from agent.cli.common import agent_options
from agent.folder import Folder
from agent.journal import Journal
from agent.trends import consent
from agent.trends.ring import Ring
from protocol.amounts import size
from protocol.audit import Action
from protocol.drivers.shown import folded, local_stamp
from protocol.drivers.terminal import Command, emit_json, note, say, words
from protocol.scopes import Floor
from protocol.trends import Kind, Reading, Sample
from protocol.wire import facts

NAME = "trends"
"""Stands beside the scopes in `consent show` and `consent set`; it is none."""


@click.command("trends", cls=Command, help="trends")
@agent_options
def trends(folder: Folder, as_json: bool) -> None:
    """Every sample that is kept here, and whether the broker has it."""
    telling = consent.telling(folder)
    samples, sent = _kept(folder)
    if as_json:
        emit_json({"telling": telling, "sent_upto": sent, "samples": samples})
        return
    w = words()
    note(folded(w(f"trends.{telling}")))
    if not samples and telling == "sent":
        note(folded(w("trends.none-yet")))
    for sample in samples:
        mark = w("trends.told" if sample.sequence <= sent else "trends.waits")
        say(f"{sample.sequence:>5}  {local_stamp(sample.at)}  {mark}")
        for reading in sample.readings:
            say(f"       {w(f'trends.kind.{reading.kind}'):<12}{reading.subject:<22}{_amount(reading)}")


def _kept(folder: Folder) -> tuple[list[Sample], int]:
    if not folder.trends.exists():
        return [], 0
    ring = Ring(folder)
    try:
        return ring.all(), ring.sent_upto()
    finally:
        ring.close()


def _amount(reading: Reading) -> str:
    if reading.kind in (Kind.DISK, Kind.MEMORY):
        return f"{reading.share:6.1%}  {size(reading.value)} / {size(reading.limit)}"
    if reading.kind is Kind.CERTIFICATE:
        return _day(reading.value)
    return f"{reading.value:.0f} %" if reading.kind is Kind.BATTERY else f"{reading.value:.0f}"


def _day(unix_s: float) -> str:
    try:
        return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "?"


def set_floor(folder: Folder, level: Floor) -> None:
    """Written down in the journal, then done. Anything but ``notify`` forgets what was not sent yet, too.

    Raises:
        RelevoError: ``not-applicable`` to allow it where the machine was enrolled attended;
            ``cannot-record``.
    """
    if level is Floor.NOTIFY:
        consent.require_possible(folder)
    signer = identity.load(folder)
    journal = Journal(folder.journal, identity.id_of(signer))
    journal.append(signer, Action.FLOOR_CHANGED, facts=facts(scope=NAME, floor=level.value))
    journal.close()
    consent.write(folder, level)
    if level is not Floor.NOTIFY and folder.trends.exists():
        ring = Ring(folder)
        ring.forget()
        ring.close()
