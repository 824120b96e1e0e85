"""``relevo audit verify`` of a long log, offline core, beside ``sha256sum`` over the same bytes.

One entry in ten is an agent's signed and chained journal entry, the rest are the broker's own.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.lab import Lab
from benchmarks.measure import Row, timed
from protocol import checkpoint, tiles
from protocol.api import AuditEntries, AuditEntryView
from protocol.audit import Action, Actor, ActorKind, AuditRecord, leaf_data
from protocol.checkpoint import Checkpoint
from protocol.merkle import HASH_SIZE, Frontier, leaf_hash
from protocol.wire import facts, to_json
from technician.audit.memory import Memory
from technician.audit.verify import verify
from tests.unit.technician import audit_world as world

SIZES = (100_000, 1_000_000)
MACHINES = 8
JOURNAL_EVERY = 10
PAGE = 1_000


class Long:
    """A ``Source`` of ``size`` entries that were made before, and the same bytes in a file."""

    def __init__(self, size: int, path: Path) -> None:
        self._rows: list[tuple[bytes, bytes]] = []
        self._leaves = bytearray()
        frontier = Frontier()
        with path.open("wb") as file:
            for salt, record, leaf in _entries(size):
                self._rows.append((salt, record))
                file.write(leaf)
                hashed = leaf_hash(leaf)
                self._leaves += hashed
                frontier.extend([hashed])
        self._note = checkpoint.sign(Checkpoint(world.ORIGIN, frontier.size, frontier.root()), world.LOG_KEY)

    def checkpoint(self) -> str:
        return self._note

    def entries(self, start: int, count: int) -> AuditEntries:
        found = self._rows[start : start + min(count, PAGE)]
        return AuditEntries(
            entries=tuple(
                AuditEntryView(index=start + at, salt=salt, record=record, leaf=leaf_data(salt, record))
                for at, (salt, record) in enumerate(found)
            ),
            size=len(self._rows),
        )

    def of_ticket(self, ticket: str, start: int) -> AuditEntries:
        return AuditEntries(entries=(), size=len(self._rows))  # no entry is about a ticket

    def checkpoint_after(self, size: int) -> str | None:
        return None

    def leaf_tile(self, number: int, width: int) -> bytes:
        start = number * tiles.WIDTH * HASH_SIZE
        return bytes(self._leaves[start : start + width * HASH_SIZE])


def _entries(size: int):  # type: ignore[no-untyped-def]
    machines = [world.Machine(20 + number) for number in range(MACHINES)]
    broker = Actor(kind=ActorKind.BROKER, id="broker")
    started = world.START
    for index in range(size):
        at = started + timedelta(milliseconds=index)
        if index < 2 * MACHINES and index % 2 == 0:
            record = _enrolment(machines[index // 2], index // 2, at)
        elif index >= 2 * MACHINES and index % JOURNAL_EVERY == 0:
            machine = machines[index // JOURNAL_EVERY % MACHINES]
            sealed = machine.journal(Action.FLOOR_CHANGED, at, said=facts(scope="diagnose", to="ask"))
            record = AuditRecord(
                at=at,
                actor=Actor(kind=ActorKind.AGENT, id=machine.id),
                action=Action.FLOOR_CHANGED,
                agent=machine.id,
                evidence=(to_json(sealed),),
            )
        else:
            record = AuditRecord(at=at, actor=broker, action=Action.AUDIT_READ, facts=facts(start=index))
        salt, body = index.to_bytes(16, "big"), to_json(record)
        yield salt, body, leaf_data(salt, body)


def _enrolment(machine: world.Machine, number: int, at) -> AuditRecord:  # type: ignore[no-untyped-def]
    log = world.Log()
    log.at = at
    return AuditRecord(
        at=at,
        actor=Actor(kind=ActorKind.AGENT, id=machine.id),
        action=Action.AGENT_ENROLLED,
        customer="acme",
        agent=machine.id,
        evidence=(
            to_json(world.a_token(log, number + 1)),
            to_json(world.an_enrolment(machine, log, number + 1)),
        ),
    )


def measure(lab: Lab) -> list[Row]:
    return [_row(lab, size) for size in SIZES]


def _row(lab: Lab, size: int) -> Row:
    path = lab.memory / f"log-{size}"
    source = Long(size, path)
    organisation = world.organisation()
    verdicts = []

    def ours() -> None:
        home = lab.folder / f"verify-{size}-{len(verdicts)}"
        home.mkdir()
        verdicts.append(verify(source, organisation, Memory(home), world.NOW))

    seconds = timed(ours)
    if not verdicts[-1].ok:
        raise RuntimeError(f"the honest log does not verify: {verdicts[-1]}")
    sums = sorted(
        timed(lambda: subprocess.run(["sha256sum", str(path)], check=True, stdout=subprocess.DEVNULL))
        for _ in range(3)
    )
    path.unlink()
    row = Row(
        f"audit verify {size:,}", seconds, sums[1], "sha256sum (the limit)", "s", 1, 0.0, "<= 10x, < 60 s"
    )
    return replace(
        row, met=seconds <= 10 * sums[1] and seconds < 60, note=f"{size} entries; first sight, nothing cached"
    )
