"""Exports and timelines: one ticket's story, checkable without the broker, and readable."""

from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from protocol.audit import AGENT_ACTIONS, Action, Actor, ActorKind, AuditRecord
from protocol.checkpoint import Checkpoint, sign
from protocol.errors import Code, RelevoError
from protocol.merkle import Tree, leaf_hash
from protocol.wire import facts, from_json, to_json
from protocol.wording import Language, Words
from protocol.wording.audit import TABLE
from technician.audit import timeline
from technician.audit.export import ProvenEntry, TicketExport, check_export, export
from technician.audit.findings import Fault, Notice, Verdict
from technician.audit.memory import Memory
from technician.audit.source import ticket_entries
from technician.audit.timeline import Standing
from technician.audit.verify import verify
from tests.unit.technician.audit_world import (
    LOG_KEY,
    NOW,
    ORIGIN,
    Log,
    Served,
    a_log,
    decoded,
    entry,
    organisation,
    session,
)

ROOT = "ab" * 32


def exported(log: Log, home: Path) -> TicketExport:
    served = Served(log)
    assert verify(served, organisation(), Memory(home), NOW).ok
    return export(served, organisation(), Memory(home), "T-1", ROOT, NOW)


def checked(made: TicketExport, root: str = ROOT) -> Verdict:
    again = from_json(to_json(made), TicketExport)
    return check_export(again, organisation(), None, root, NOW)


def test_an_export_verifies_from_the_file_alone(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    session(log, machine, number=2)
    made = exported(log, tmp_path)
    assert [item.index for item in made.entries] == [
        row.index for row in log.rows if decoded(row).ticket == "T-1"
    ]
    verdict = checked(made)
    assert verdict.ok, verdict
    assert (verdict.counts.grants, verdict.counts.consents) == (2, 2)
    assert [remark.notice for remark in verdict.warnings] == [Notice.MAYBE_INCOMPLETE]


def altered(made: TicketExport, at: int, **changes: object) -> TicketExport:
    entries = list(made.entries)
    entries[at] = msgspec.structs.replace(entries[at], **changes)
    return msgspec.structs.replace(made, entries=tuple(entries))


def test_no_part_of_an_export_can_be_changed(tmp_path: Path) -> None:
    log, _, _ = a_log()
    made = exported(log, tmp_path)
    other = made.entries[1]
    for changed in (
        altered(made, 0, record=other.record),
        altered(made, 0, salt=bytes(16)),
        altered(made, 0, leaf=bytes(32)),
        altered(made, 0, index=other.index + 1),
        altered(made, 0, proof=made.entries[0].proof[:-1]),
        altered(made, 0, record=other.record, salt=other.salt, leaf=other.leaf),
        altered(made, 0, record=other.record, salt=other.salt, leaf=other.leaf, proof=other.proof),
    ):
        verdict = checked(changed)
        assert not verdict.ok
        assert verdict.first_bad in (made.entries[0].index, other.index + 1)
    with pytest.raises(RelevoError) as caught:
        checked(msgspec.structs.replace(made, checkpoint=made.checkpoint.replace("\n13\n", "\n12\n")))
    assert caught.value.code in (Code.SIGNATURE_INVALID, Code.MALFORMED)


def test_an_erased_record_in_an_export_is_allowed(tmp_path: Path) -> None:
    log, _, _ = a_log()
    made = exported(log, tmp_path)
    assert checked(altered(made, 0, record=None, salt=b"")).ok


def test_entries_out_of_order_or_of_another_ticket_are_named(tmp_path: Path) -> None:
    log, _, _ = a_log()
    made = exported(log, tmp_path)
    turned = msgspec.structs.replace(made, entries=made.entries[::-1])
    assert checked(turned).fault is Fault.NOT_CONTIGUOUS
    renamed = msgspec.structs.replace(made, ticket="T-2")
    assert checked(renamed).fault is Fault.EVIDENCE_MISMATCH


def test_an_export_of_another_organisation_is_refused(tmp_path: Path) -> None:
    log, _, _ = a_log()
    with pytest.raises(RelevoError) as caught:
        checked(exported(log, tmp_path), root="cd" * 32)
    assert caught.value.code is Code.IDENTITY_MISMATCH


def test_a_forged_entry_in_a_really_signed_tree_is_still_named(tmp_path: Path) -> None:
    log, _, at = a_log()
    made = exported(log, tmp_path)
    record = decoded(log.rows[at["consented"]])
    forged = entry(at["consented"], msgspec.structs.replace(record, evidence=()))
    log.rows[at["consented"]] = forged
    tree = Tree(leaf_hash(row.leaf) for row in log.rows)
    from protocol.merkle import inclusion_proof

    entries = [
        ProvenEntry(
            index=item.index,
            salt=log.rows[item.index].salt,
            record=log.rows[item.index].record,
            leaf=log.rows[item.index].leaf,
            proof=tuple(inclusion_proof(item.index, tree.size, tree.node_at)),
        )
        for item in made.entries
    ]
    note = sign(Checkpoint(ORIGIN, tree.size, tree.root()), LOG_KEY)
    verdict = checked(msgspec.structs.replace(made, checkpoint=note, entries=tuple(entries)))
    assert (verdict.first_bad, verdict.fault) == (at["consented"], Fault.UNPROVEN)


def test_nothing_is_exported_before_the_log_was_verified(tmp_path: Path) -> None:
    log, _, _ = a_log()
    with pytest.raises(RelevoError) as caught:
        export(Served(log), organisation(), Memory(tmp_path), "T-1", ROOT, NOW)
    assert caught.value.code is Code.PROOF_INVALID


def test_a_broker_that_serves_another_entry_for_the_export_is_caught(tmp_path: Path) -> None:
    log, _, at = a_log()
    assert verify(Served(log), organisation(), Memory(tmp_path), NOW).ok
    log.change(at["closed"], customer="other")
    with pytest.raises(RelevoError) as caught:
        export(Served(log), organisation(), Memory(tmp_path), "T-1", ROOT, NOW)
    assert caught.value.code is Code.PROOF_INVALID


def test_a_ticket_without_entries_is_not_found(tmp_path: Path) -> None:
    log, _, _ = a_log()
    assert verify(Served(log), organisation(), Memory(tmp_path), NOW).ok
    with pytest.raises(RelevoError) as caught:
        export(Served(log), organisation(), Memory(tmp_path), "T-99", ROOT, NOW)
    assert caught.value.code is Code.NOT_FOUND


# --- the story ---------------------------------------------------------------------------------


def story(log: Log, home: Path, language: Language) -> list[tuple[str, ...]]:
    rows = judged(log, home)
    return timeline.sentences(rows, organisation(), Words(language, TABLE), UTC)


def judged(log: Log, home: Path) -> list[timeline.Row]:
    memory = Memory(home)
    entries = ticket_entries(Served(log), "T-1")
    return timeline.judge_rows(entries, organisation(), memory.known(), memory.load().leaves, NOW)


def test_the_story_of_a_ticket_is_told_in_both_languages(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    english = [row[3] for row in story(log, tmp_path, "en")]
    assert english[1] == "Ana Ruiz asked for a session."
    assert english[2].startswith(f"The user agreed, on the machine {machine.id}.")
    spanish = [row[3] for row in story(log, tmp_path, "es")]
    assert spanish[1] == "Ana Ruiz pidió una sesión."
    assert len(spanish) == len(english) == 11


def test_entries_of_the_verified_tree_are_called_proven_and_later_ones_new(tmp_path: Path) -> None:
    log, _, _ = a_log()
    assert verify(Served(log), organisation(), Memory(tmp_path), NOW).ok
    log.add(Action.TICKET_NOTE, ticket="T-1")
    rows = judged(log, tmp_path)
    assert {row.standing for row in rows[:-1]} == {Standing.PROVEN}
    assert rows[-1].standing is Standing.NEW


def test_a_changed_entry_is_marked_in_the_story(tmp_path: Path) -> None:
    log, _, at = a_log()
    assert verify(Served(log), organisation(), Memory(tmp_path), NOW).ok
    log.change(at["closed"], customer="other")
    last = judged(log, tmp_path)[-1]
    assert (last.index, last.standing, last.fault) == (at["closed"], Standing.BAD, Fault.LEAF_CHANGED)
    assert story(log, tmp_path, "en")[-1][2] == "BAD"


def test_every_action_of_an_agent_is_known_to_need_its_journal() -> None:
    listed = list(Action)
    first = min(listed.index(action) for action in (Action.CONSENT_GIVEN, Action.SESSION_SHOWN))
    assert frozenset(listed[first:]) == AGENT_ACTIONS


def test_every_action_fault_notice_and_actor_is_worded() -> None:
    for action in Action:
        assert f"audit.action.{action}" in TABLE
    for fault in Fault:
        assert f"audit.fault.{fault}" in TABLE
    for notice in Notice:
        assert f"audit.notice.{notice}" in TABLE
    for standing in Standing:
        assert f"audit.standing.{standing}" in TABLE
    for kind in ActorKind:
        assert kind is ActorKind.TECHNICIAN or f"audit.actor.{kind}" in TABLE
    for english, spanish in TABLE.values():
        assert english and spanish


def test_facts_are_told_in_the_readers_language_and_clock_and_hashes_are_left_to_programs() -> None:
    record = AuditRecord(
        at=NOW,
        action=Action.TICKET_CHANGED,
        actor=Actor(kind=ActorKind.TECHNICIAN, id="ana"),
        ticket="T-1",
        facts=facts(
            move="pend",
            to_state="pending",
            reason="awaiting_user",
            resume_at=NOW,
            article=None,
            text_sha256="0a",
        ),
    )
    rows = [timeline.Row(index=1, standing=Standing.PROVEN, record=record)]
    [row] = timeline.sentences(rows, organisation(), Words("es", TABLE), ZoneInfo("Asia/Tokyo"))
    at = NOW.astimezone(ZoneInfo("Asia/Tokyo"))
    assert row[3].endswith(
        "cambió el tique. (paso: dejar en espera, a: pendiente, motivo: en espera de la persona, "
        f"continúa el: {at:%Y-%m-%d %H:%M:%S})"
    )


def test_spanish_sentences_are_written_as_people_write_them() -> None:
    machine = Actor(kind=ActorKind.AGENT, id="ag-1")
    rows = [
        timeline.Row(
            index=at,
            standing=Standing.PROVEN,
            record=AuditRecord(at=NOW, action=action, actor=machine, ticket="T-1"),
        )
        for at, action in enumerate((Action.LOGS_DONE, Action.ARTIFACT_STORED))
    ]
    said = [row[3] for row in timeline.sentences(rows, organisation(), Words("es", TABLE), UTC)]
    assert said == ["Se mostraron los registros del equipo ag-1.", "El equipo ag-1 guardó un resultado."]
