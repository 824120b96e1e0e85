"""The journal is written before the act, by several processes, and cannot be altered unseen."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from agent.journal import FIRST_PREVIOUS, Journal
from protocol.audit import Action
from protocol.documents import JournalEntry
from protocol.dsse import open_envelope
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id
from tests.support.organisation import signer

MACHINE = signer("machine")
AGENT = agent_id(MACHINE.public_key.blob)
_WRITER = """
import sys
from agent.journal import Journal
from protocol.audit import Action
from tests.support.organisation import signer
journal = Journal(__import__('pathlib').Path(sys.argv[1]), sys.argv[2])
for _ in range(20):
    print(journal.append(signer("machine"), Action.LOGS_STARTED), flush=True)
"""


def entries(journal: Journal) -> list[JournalEntry]:
    return [
        open_envelope(envelope, JournalEntry, [MACHINE.public_key])
        for _, envelope in journal.unsent_after(0, 1_000)
    ]


def test_entries_are_numbered_chained_and_signed(tmp_path) -> None:
    journal = Journal(tmp_path / "journal.db", AGENT)
    for action in (Action.HELP_ASKED, Action.CONSENT_GIVEN, Action.DIAGNOSE_STARTED):
        journal.append(MACHINE, action)
    found = entries(journal)
    assert [entry.sequence for entry in found] == [1, 2, 3]
    assert found[0].previous == FIRST_PREVIOUS
    digests = [envelope.digest for _, envelope in journal.unsent_after(0, 10)]
    assert [entry.previous for entry in found[1:]] == digests[:2]
    journal.close()


def test_processes_that_write_at_once_leave_one_chain_without_gaps(tmp_path) -> None:
    path = tmp_path / "journal.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), AGENT], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    journal = Journal(path, AGENT)
    found = entries(journal)
    assert [entry.sequence for entry in found] == list(range(1, 61))
    digests = [envelope.digest for _, envelope in journal.unsent_after(0, 100)]
    assert [entry.previous for entry in found[1:]] == digests[:-1]
    journal.close()


def test_what_was_reported_written_survives_a_kill(tmp_path) -> None:
    path = tmp_path / "journal.db"
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path), AGENT], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    reported = [int(writer.stdout.readline()) for _ in range(5)]
    writer.kill()
    writer.wait(30)
    writer.stdout.close()
    journal = Journal(path, AGENT)
    assert journal.last_sequence() >= reported[-1]
    assert [entry.sequence for entry in entries(journal)] == list(range(1, journal.last_sequence() + 1))
    journal.append(MACHINE, Action.LOGS_DONE)
    journal.close()


def test_only_unacknowledged_entries_are_sent(tmp_path) -> None:
    journal = Journal(tmp_path / "journal.db", AGENT)
    for _ in range(5):
        journal.append(MACHINE, Action.LOGS_STARTED)
    journal.acknowledged(3)
    assert [sequence for sequence, _ in journal.unsent_after(0, 10)] == [4, 5]
    assert journal.waiting() == 2
    journal.close()


def test_a_full_disk_refuses_and_recovers(tmp_path) -> None:
    journal = Journal(tmp_path / "journal.db", AGENT)
    journal.append(MACHINE, Action.LOGS_STARTED)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        with pytest.raises(RelevoError) as caught:
            journal.append(MACHINE, Action.LOGS_STARTED)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert caught.value.code is Code.CANNOT_RECORD
    assert journal.append(MACHINE, Action.LOGS_STARTED) == 2
    journal.close()
