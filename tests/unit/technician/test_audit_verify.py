"""The audit log under attack: whatever a broker that holds the log key does, the first bad entry is named."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.api import AuditEntries
from protocol.audit import Action, Actor, ActorKind
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation
from protocol.scopes import Scope
from technician.audit import verify as verifying
from technician.audit.findings import Fault, Notice, Verdict
from technician.audit.memory import Memory
from tests.unit.technician.audit_world import (
    ADMIN,
    ANA,
    ISSUER,
    NOW,
    START,
    STRANGER,
    Log,
    Machine,
    Served,
    a_consent,
    a_grant,
    a_log,
    a_token,
    an_enrolment,
    decoded,
    entry,
    journal,
    organisation,
    renumbered,
    session,
)


def check(
    log: Log,
    home: Path,
    source: Served | None = None,
    org: Organisation | None = None,
    ticket: str | None = None,
) -> Verdict:
    return verifying.verify(source or Served(log), org or organisation(), Memory(home), NOW, ticket=ticket)


def wrong(verdict: Verdict) -> tuple[int | None, Fault | None]:
    assert not verdict.ok
    return verdict.first_bad, verdict.fault


# --- the honest broker -------------------------------------------------------------------------


def test_an_honest_log_verifies_and_is_remembered(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    first = check(log, tmp_path, ticket="T-1")
    assert first.ok, first
    assert (first.size, first.first_bad, first.fault) == (len(log.rows), None, None)
    counts = first.counts
    assert (counts.grants, counts.consents, counts.enrolments, counts.agents) == (1, 1, 1, 1)
    assert (counts.journal_entries, counts.of_ticket) == (5, 11)
    assert [remark.notice for remark in first.warnings] == [Notice.FIRST_SIGHT]
    session(log, machine, number=2)
    second = check(log, tmp_path)
    assert second.ok and second.warnings == ()
    folder = tmp_path / "audit"
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {
        "checkpoint": "0o600",
        "leaves": "0o600",
        "known.json": "0o600",
        "organisation.json": "0o600",
    }
    assert (folder / "leaves").stat().st_size == 32 * len(log.rows)


def test_an_empty_log_verifies(tmp_path: Path) -> None:
    verdict = check(Log(), tmp_path)
    assert verdict.ok and verdict.size == 0


def test_entries_written_after_the_checkpoint_are_left_for_the_next_time(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    note = log.signed()
    journal(log, machine, Action.FLOOR_CHANGED)
    assert check(log, tmp_path, Served(log, note=note)).size == len(log.rows) - 1
    assert check(log, tmp_path).ok


def test_a_long_journal_is_checked_by_the_stride_and_still_names_the_first_forged_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "ALL_SIGNATURES_UP_TO", 10)
    log, machine = Log(), Machine(5)
    for _ in range(200):
        journal(log, machine, Action.FLOOR_CHANGED)
    assert check(log, tmp_path / "good").ok
    log, machine = Log(), Machine(5)
    for number in range(200):
        journal(log, machine, Action.FLOOR_CHANGED, by=STRANGER if number in (127, 150) else None)
    assert wrong(check(log, tmp_path / "bad")) == (127, Fault.JOURNAL_SIGNATURE)


# --- rewriting what was seen -------------------------------------------------------------------


def test_a_changed_entry_is_named_by_the_remembered_leaf(tmp_path: Path) -> None:
    log, _, at = a_log()
    assert check(log, tmp_path).ok
    log.change(at["ticket"], ticket="T-2")
    assert wrong(check(log, tmp_path)) == (at["ticket"], Fault.LEAF_CHANGED)


def test_a_record_changed_under_its_leaf_is_named(tmp_path: Path) -> None:
    log, _, at = a_log()
    row = log.rows[at["closed"]]
    forged = entry(row.index, decoded(row))
    other = entry(row.index, decoded(log.rows[at["ticket"]]))
    served = [*log.rows]
    served[row.index] = type(row)(index=row.index, salt=forged.salt, record=other.record, leaf=row.leaf)
    assert wrong(check(log, tmp_path, Served(log, rows=served))) == (row.index, Fault.RECORD_CHANGED)


@pytest.mark.parametrize("victim", range(13))
def test_a_dropped_entry_is_named(tmp_path: Path, victim: int) -> None:
    log, _, _ = a_log()
    assert check(log, tmp_path).ok
    log.drop(victim)
    log.add(Action.LOGIN_REFUSED)
    assert wrong(check(log, tmp_path))[0] == victim


def test_swapped_entries_are_named_at_the_first(tmp_path: Path) -> None:
    log, _, at = a_log()
    assert check(log, tmp_path).ok
    i, j = at["ticket"], at["closed"]
    log.rows[i], log.rows[j] = renumbered(log.rows[j], i), renumbered(log.rows[i], j)
    assert wrong(check(log, tmp_path))[0] == i


def test_a_duplicated_entry_is_named(tmp_path: Path) -> None:
    log, _, _at = a_log()
    assert check(log, tmp_path).ok
    log.rows = [renumbered(row, k) for k, row in enumerate([*log.rows[:5], log.rows[4], *log.rows[5:]])]
    assert wrong(check(log, tmp_path))[0] == 5


def test_a_log_that_shrank_is_refused_and_names_where_it_ends(tmp_path: Path) -> None:
    log, _, _ = a_log()
    assert check(log, tmp_path).ok
    log.rows = log.rows[:8]
    assert wrong(check(log, tmp_path)) == (8, Fault.SHRUNK)


def test_a_fork_of_the_same_size_is_refused(tmp_path: Path) -> None:
    log, _, _ = a_log()
    assert check(log, tmp_path).ok
    other, _, _ = a_log()
    other.change(12, ticket="T-9")
    assert wrong(check(other, tmp_path)) == (12, Fault.LEAF_CHANGED)


def test_a_fork_is_named_as_one_where_the_leaves_were_lost(tmp_path: Path) -> None:
    log, _, _ = a_log()
    assert check(log, tmp_path).ok
    (tmp_path / "audit" / "leaves").unlink()
    log.change(12, ticket="T-9")
    verdict = check(log, tmp_path, Served(log, notes=list))
    assert wrong(verdict) == (0, Fault.FORK)
    assert Notice.CACHE_DAMAGED in [remark.notice for remark in verdict.warnings]


def test_damaged_leaves_on_our_side_are_not_blamed_on_the_broker(tmp_path: Path) -> None:
    log, _, _ = a_log()
    assert check(log, tmp_path).ok
    leaves = tmp_path / "audit" / "leaves"
    leaves.write_bytes(b"\x00" * 32 + leaves.read_bytes()[32:])
    verdict = check(log, tmp_path)
    assert verdict.ok
    assert [remark.notice for remark in verdict.warnings] == [Notice.CACHE_DAMAGED]
    assert check(log, tmp_path).warnings == ()


def test_a_failed_verification_leaves_the_memory_as_it_was(tmp_path: Path) -> None:
    log, _, at = a_log()
    assert check(log, tmp_path).ok
    before = {path.name: path.read_bytes() for path in (tmp_path / "audit").iterdir()}
    log.change(at["ticket"], ticket="T-2")
    log.add(Action.BROKER_STARTED)
    assert not check(log, tmp_path).ok
    assert {path.name: path.read_bytes() for path in (tmp_path / "audit").iterdir()} == before


# --- lies about what was never seen ------------------------------------------------------------


def test_entries_that_do_not_give_the_signed_root_are_narrowed_down_by_earlier_checkpoints(
    tmp_path: Path,
) -> None:
    log, machine, _ = a_log()
    log.signed()
    first = len(log.rows)
    journal(log, machine, Action.FLOOR_CHANGED)
    log.add(Action.TICKET_CREATED, ticket="T-2", customer="acme")
    log.signed()
    second = len(log.rows)
    log.add(Action.TICKET_NOTE, ticket="T-2")
    note = log.signed()
    log.change(second - 1, ticket="T-3")
    verdict = check(log, tmp_path, Served(log, note=note))
    assert wrong(verdict) == (first, Fault.ROOT_MISMATCH)
    assert str(second - 1) in verdict.reason


def test_entries_held_back_are_named(tmp_path: Path) -> None:
    log, _, _ = a_log()
    note = log.signed()
    assert wrong(check(log, tmp_path, Served(log, note=note, rows=log.rows[:9]))) == (9, Fault.TRUNCATED)


def test_entries_with_skipped_indexes_are_named(tmp_path: Path) -> None:
    log, _, _ = a_log()
    note = log.signed()
    served = Served(log, note=note, rows=[*log.rows[:4], *log.rows[5:], log.rows[-1]])
    assert wrong(check(log, tmp_path, served)) == (4, Fault.NOT_CONTIGUOUS)


class Blinkered(Served):
    """What a technician without the auditor's role is served: entries of tickets, hashes of all."""

    def entries(self, start: int, count: int) -> AuditEntries:
        rows = [row for row in self._rows if row.index >= start and decoded(row).ticket is not None]
        return AuditEntries(entries=tuple(rows[: self._page]), size=len(self._rows))


def test_who_sees_only_tickets_verifies_all_hashes_and_what_is_shown(tmp_path: Path) -> None:
    log, machine, at = a_log()
    session(log, machine, number=2)

    def limited(served: Served) -> Verdict:
        return verifying.verify(served, organisation(), Memory(tmp_path), NOW, sees_all=False)

    verdict = limited(Blinkered(log))
    assert verdict.ok, verdict
    assert Notice.HASHES_ONLY in [remark.notice for remark in verdict.warnings]
    shown = [row for row in log.rows if decoded(row).ticket]
    assert verdict.counts.entries == len(shown)
    note, rows = log.signed(), list(log.rows)
    rows[at["ticket"]] = entry(at["ticket"], decoded(rows[at["closed"]]))
    broken = Blinkered(log, note=note, rows=rows)
    tile = Blinkered(log, note=note).leaf_tile
    broken.leaf_tile = tile  # type: ignore[method-assign]
    assert wrong(limited(broken)) == (at["ticket"], Fault.PROOF_MISMATCH)
    log.change(0, action=Action.BROKER_STOPPED)
    assert wrong(limited(Blinkered(log))) == (0, Fault.LEAF_CHANGED)


def test_a_claim_of_a_machine_about_a_session_that_is_not_its_own_harms_nobody(tmp_path: Path) -> None:
    log, _, _ = a_log()
    other = Machine(6)
    log.add(
        Action.FIX_DONE,
        other.journal(Action.FIX_DONE, log.at, grant="f" * 32),
        actor=Actor(kind=ActorKind.AGENT, id=other.id),
        agent=other.id,
    )
    verdict = check(log, tmp_path)
    assert verdict.ok
    assert Notice.UNATTRIBUTED in [remark.notice for remark in verdict.warnings]


def test_a_checkpoint_by_another_key_is_refused(tmp_path: Path) -> None:
    log, _, _ = a_log()
    with pytest.raises(RelevoError) as caught:
        check(log, tmp_path, Served(log, note=log.signed(STRANGER.private_key)))
    assert caught.value.code is Code.SIGNATURE_INVALID


def test_a_roster_without_a_broker_verifies_nothing(tmp_path: Path) -> None:
    import msgspec

    org = organisation()
    org = msgspec.structs.replace(org, roster=msgspec.structs.replace(org.roster, broker=None))
    with pytest.raises(RelevoError) as caught:
        check(Log(), tmp_path, org=org)
    assert caught.value.code is Code.NOT_CONNECTED


def test_a_back_dated_entry_is_named(tmp_path: Path) -> None:
    log, _, _ = a_log()
    log.add(Action.TICKET_NOTE, ticket="T-1", after=timedelta(hours=1))
    bad = log.add(Action.TICKET_NOTE, ticket="T-1", after=timedelta(minutes=-30))
    assert wrong(check(log, tmp_path)) == (bad, Fault.BACK_DATED)


def test_a_small_correction_of_the_brokers_clock_is_no_back_dating(tmp_path: Path) -> None:
    log, _, _ = a_log()
    log.add(Action.BROKER_STARTED, after=timedelta(minutes=-5))
    assert check(log, tmp_path).ok


def test_an_entry_from_the_far_future_is_named_rather_than_all_that_follow(tmp_path: Path) -> None:
    log, _, _ = a_log()
    bad = log.add(Action.TICKET_NOTE, after=timedelta(days=30))
    log.add(Action.TICKET_NOTE, after=timedelta(days=-30))
    assert wrong(check(log, tmp_path)) == (bad, Fault.FUTURE_DATED)


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    from protocol.audit import leaf_data

    log, _, _ = a_log()
    row = log.rows[3]
    body = b'{"action":"made.up"}'
    log.rows[3] = type(row)(index=3, salt=row.salt, record=body, leaf=leaf_data(row.salt, body))
    assert wrong(check(log, tmp_path)) == (3, Fault.MALFORMED)


# --- erasure -----------------------------------------------------------------------------------


def test_an_erased_record_is_allowed_and_counted(tmp_path: Path) -> None:
    log, _, at = a_log()
    assert check(log, tmp_path).ok
    log.erase(at["ticket"])
    verdict = check(log, tmp_path)
    assert verdict.ok and verdict.counts.erased == 1
    assert [(remark.notice, remark.first_index) for remark in verdict.warnings] == [
        (Notice.ERASED, at["ticket"])
    ]


def test_erasing_a_persons_whole_session_leaves_a_log_that_verifies(tmp_path: Path) -> None:
    log, machine, at = a_log()
    session(log, machine, number=2)
    for name in ("requested", "given", "consented", "diagnose"):
        log.erase(at[name])
    verdict = check(log, tmp_path)
    assert verdict.ok, verdict
    assert Notice.GAP_BY_ERASURE in [remark.notice for remark in verdict.warnings]


def test_erasing_does_not_excuse_a_larger_gap_in_a_journal(tmp_path: Path) -> None:
    log, machine, at = a_log()
    machine.sequence += 2
    bad = journal(log, machine, Action.FLOOR_CHANGED)
    log.erase(at["diagnose"])
    log.erase(at["ticket"])
    assert wrong(check(log, tmp_path)) == (bad, Fault.JOURNAL_GAP)


def test_an_erased_record_with_another_leaf_is_named(tmp_path: Path) -> None:
    log, _, at = a_log()
    assert check(log, tmp_path).ok
    row = log.rows[at["ticket"]]
    log.rows[at["ticket"]] = type(row)(index=row.index, salt=b"", record=None, leaf=b"\x01" * 32)
    assert wrong(check(log, tmp_path)) == (at["ticket"], Fault.LEAF_CHANGED)


# --- journals ----------------------------------------------------------------------------------


def test_a_forged_journal_entry_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    bad = journal(log, machine, Action.FLOOR_CHANGED, by=STRANGER)
    journal(log, machine, Action.FLOOR_CHANGED)
    assert wrong(check(log, tmp_path)) == (bad, Fault.JOURNAL_SIGNATURE)


def test_a_journal_entry_slipped_in_between_is_named_and_not_its_successor(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    sequence, previous = machine.sequence, machine.previous
    bad = journal(log, machine, Action.FLOOR_CHANGED, by=STRANGER)
    machine.sequence, machine.previous = sequence, previous
    journal(log, machine, Action.FLOOR_CHANGED)
    assert wrong(check(log, tmp_path)) == (bad, Fault.JOURNAL_SIGNATURE)


def test_a_gap_in_a_journal_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    machine.journal(Action.FLOOR_CHANGED, log.at)
    bad = journal(log, machine, Action.FLOOR_CHANGED)
    assert wrong(check(log, tmp_path)) == (bad, Fault.JOURNAL_GAP)


def test_a_journal_that_starts_in_the_middle_is_named(tmp_path: Path) -> None:
    log, _, _ = a_log()
    other = Machine(6)
    other.sequence = 3
    bad = journal(log, other, Action.FLOOR_CHANGED)
    assert wrong(check(log, tmp_path)) == (bad, Fault.JOURNAL_GAP)


def test_a_repeated_journal_entry_is_named(tmp_path: Path) -> None:
    log, _, at = a_log()
    log.rows.append(renumbered(log.rows[at["agent-ended"]], len(log.rows)))
    assert wrong(check(log, tmp_path)) == (len(log.rows) - 1, Fault.JOURNAL_REPEATED)


def test_a_journal_rewritten_by_its_own_machine_shows_in_the_chain(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    machine.previous = "1" * 64
    bad = journal(log, machine, Action.FLOOR_CHANGED)
    assert wrong(check(log, tmp_path)) == (bad, Fault.JOURNAL_CHAIN)


def test_what_only_an_agent_can_say_is_not_believed_from_the_broker(tmp_path: Path) -> None:
    log, machine, at = a_log()
    bad = log.add(Action.FIX_DONE, agent=machine.id, grant=decoded(log.rows[at["opened"]]).grant)
    assert wrong(check(log, tmp_path)) == (bad, Fault.UNPROVEN)


def test_a_journal_entry_filed_as_another_act_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    bad = log.add(
        Action.CONSENT_WITHDRAWN,
        machine.journal(Action.FLOOR_CHANGED, log.at),
        actor=Actor(kind=ActorKind.AGENT, id=machine.id),
    )
    assert wrong(check(log, tmp_path)) == (bad, Fault.EVIDENCE_MISMATCH)


# --- grants, consents, tokens ------------------------------------------------------------------


def test_a_grant_without_the_issuers_signature_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    bad = log.add(Action.SESSION_REQUESTED, seal(a_grant(machine, log, number=2), ANA))
    assert wrong(check(log, tmp_path)) == (bad, Fault.GRANT_SIGNATURE)


def test_a_grant_by_somebody_outside_the_roster_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    grant = a_grant(machine, log, number=2, technician_key=STRANGER.public_key.text)
    bad = log.add(Action.SESSION_REQUESTED, seal(grant, STRANGER, ISSUER))
    assert wrong(check(log, tmp_path)) == (bad, Fault.GRANT_SIGNATURE)


def test_a_grant_in_a_colleagues_name_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    grant = a_grant(machine, log, number=2, technician="boss")
    bad = log.add(Action.SESSION_REQUESTED, seal(grant, ANA, ISSUER))
    assert wrong(check(log, tmp_path)) == (bad, Fault.GRANT_SIGNATURE)


def test_a_grant_that_the_technician_did_not_sign_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    bad = log.add(Action.SESSION_REQUESTED, seal(a_grant(machine, log, number=2), STRANGER, ISSUER))
    assert wrong(check(log, tmp_path)) == (bad, Fault.GRANT_SIGNATURE)


def test_a_grant_of_another_organisation_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    bad = log.add(
        Action.SESSION_REQUESTED, seal(a_grant(machine, log, number=2, org="org-" + "b" * 32), ANA, ISSUER)
    )
    assert wrong(check(log, tmp_path)) == (bad, Fault.EVIDENCE_MISMATCH)


def test_a_grant_used_twice_is_named(tmp_path: Path) -> None:
    log, _, at = a_log()
    log.rows.append(renumbered(log.rows[at["requested"]], len(log.rows)))
    assert wrong(check(log, tmp_path)) == (len(log.rows) - 1, Fault.GRANT_REPEATED)


def test_a_grant_filed_under_another_ticket_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    bad = log.add(Action.SESSION_REQUESTED, seal(a_grant(machine, log, number=2), ANA, ISSUER), ticket="T-2")
    assert wrong(check(log, tmp_path)) == (bad, Fault.EVIDENCE_MISMATCH)


def test_the_grants_of_a_technician_who_left_stay_good_for_who_remembers_them(tmp_path: Path) -> None:
    log, _, at = a_log()
    assert check(log, tmp_path).ok
    left = organisation(without="ana")
    assert check(log, tmp_path, org=left).ok
    assert wrong(check(log, tmp_path / "new", org=left)) == (at["requested"], Fault.GRANT_SIGNATURE)
    revoked = organisation(without="ana", revoked=(ANA.public_key.fingerprint,))
    assert check(log, tmp_path / "newer", org=revoked).ok


def consent_after(
    log: Log, machine: Machine, *, by: Machine | None = None, **changes: object
) -> tuple[Log, int]:
    grant = a_grant(machine, log, number=2)
    sealed = seal(grant, ANA, ISSUER)
    log.add(Action.SESSION_REQUESTED, sealed)
    who = by or machine
    consent = seal(a_consent(who, grant, sealed, log, **changes), who.signer)
    return log, log.add(Action.SESSION_CONSENTED, consent)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"scopes": (Scope.DIAGNOSE, Scope.TERMINAL)}, Fault.CONSENT_TOO_WIDE),
        ({"until": NOW + timedelta(days=1)}, Fault.CONSENT_TOO_WIDE),
        ({"given": NOW + timedelta(days=1)}, Fault.CONSENT_LATE),
        ({"grant_sha256": "0" * 64}, Fault.CONSENT_WITHOUT_GRANT),
        ({"grant": "f" * 32}, Fault.CONSENT_WITHOUT_GRANT),
        ({"agent_key": STRANGER.public_key.text}, Fault.CONSENT_SIGNATURE),
    ],
)
def test_a_consent_that_does_not_fit_its_grant_is_named(
    tmp_path: Path, changes: dict[str, object], fault: Fault
) -> None:
    log, machine, _ = a_log()
    log, bad = consent_after(log, machine, **changes)
    assert wrong(check(log, tmp_path)) == (bad, fault)


def test_a_consent_by_another_machine_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    log, bad = consent_after(log, machine, by=Machine(6))
    assert wrong(check(log, tmp_path)) == (bad, Fault.CONSENT_SIGNATURE)


def test_a_consent_before_its_grant_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    grant = a_grant(machine, log, number=2)
    sealed = seal(grant, ANA, ISSUER)
    bad = log.add(Action.SESSION_CONSENTED, seal(a_consent(machine, grant, sealed, log), machine.signer))
    log.add(Action.SESSION_REQUESTED, sealed)
    assert wrong(check(log, tmp_path)) == (bad, Fault.CONSENT_WITHOUT_GRANT)


def test_a_session_opened_without_consent_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    grant = a_grant(machine, log, number=2)
    log.add(Action.SESSION_REQUESTED, seal(grant, ANA, ISSUER))
    bad = log.add(Action.SESSION_OPENED, grant=grant.grant, agent=machine.id)
    assert wrong(check(log, tmp_path)) == (bad, Fault.SESSION_WITHOUT_CONSENT)


def test_an_agents_act_without_consent_is_named(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    grant = a_grant(machine, log, number=2)
    log.add(Action.SESSION_REQUESTED, seal(grant, ANA, ISSUER))
    bad = journal(log, machine, Action.FIX_STARTED, grant=grant.grant)
    assert wrong(check(log, tmp_path)) == (bad, Fault.SESSION_WITHOUT_CONSENT)


@pytest.mark.parametrize(
    "action", [Action.SESSION_REQUESTED, Action.SESSION_CONSENTED, Action.AGENT_ENROLLED]
)
def test_an_entry_without_its_evidence_is_named(tmp_path: Path, action: Action) -> None:
    log, _, _ = a_log()
    bad = log.add(action)
    assert wrong(check(log, tmp_path)) == (bad, Fault.UNPROVEN)


def test_a_token_that_no_administrator_signed_is_named(tmp_path: Path) -> None:
    for number, by in enumerate((ANA, STRANGER, ISSUER), start=2):
        log, _, _ = a_log()
        other = Machine(6)
        bad = log.add(Action.AGENT_ENROLLED, a_token(log, number, by=by), an_enrolment(other, log, number))
        assert wrong(check(log, tmp_path / str(number))) == (bad, Fault.TOKEN_SIGNATURE)


def test_a_token_used_twice_is_named(tmp_path: Path) -> None:
    log, _, _ = a_log()
    other = Machine(6)
    bad = log.add(Action.AGENT_ENROLLED, a_token(log), an_enrolment(other, log))
    assert wrong(check(log, tmp_path)) == (bad, Fault.TOKEN_REUSED)


def test_an_enrolment_with_another_token_than_the_one_shown_is_named(tmp_path: Path) -> None:
    log, _, _ = a_log()
    bad = log.add(Action.AGENT_ENROLLED, a_token(log, 2), an_enrolment(Machine(6), log, 3))
    assert wrong(check(log, tmp_path)) == (bad, Fault.EVIDENCE_MISMATCH)


def test_what_was_refused_is_kept_as_it_came_and_proves_nothing(tmp_path: Path) -> None:
    log, machine, _ = a_log()
    forged = seal(a_grant(machine, log, number=7, technician_key=STRANGER.public_key.text), STRANGER)
    log.add(Action.SESSION_REFUSED, forged)
    log.add(Action.ENROLMENT_REFUSED, a_token(log, by=STRANGER))
    verdict = check(log, tmp_path)
    assert verdict.ok and verdict.counts.grants == 1
    bad = log.add(Action.SESSION_OPENED, grant=f"{7:032x}")
    assert wrong(check(log, tmp_path)) == (bad, Fault.SESSION_WITHOUT_CONSENT)


def test_the_first_of_several_faults_is_the_one_that_is_named(tmp_path: Path) -> None:
    log, machine, at = a_log()
    assert check(log, tmp_path).ok
    log.add(Action.SESSION_CONSENTED)
    journal(log, machine, Action.FLOOR_CHANGED, by=STRANGER)
    log.change(at["closed"], ticket="T-5")
    assert wrong(check(log, tmp_path)) == (at["closed"], Fault.LEAF_CHANGED)


def test_memory_of_another_organisation_is_refused(tmp_path: Path) -> None:
    import msgspec

    log, _, _ = a_log()
    assert check(log, tmp_path).ok
    org = organisation()
    other = msgspec.structs.replace(org, roster=msgspec.structs.replace(org.roster, org="org-" + "c" * 32))
    with pytest.raises(RelevoError) as caught:
        check(log, tmp_path, org=other)
    assert caught.value.code is Code.IDENTITY_MISMATCH
    assert ADMIN.public_key.text in (tmp_path / "audit" / "known.json").read_text()


class Attack(NamedTuple):
    name: str
    do: Callable[[Log, int], None]


def _reorder(log: Log, at: int) -> None:
    other = at + 1
    log.rows[at], log.rows[other] = renumbered(log.rows[other], at), renumbered(log.rows[at], other)


def _repeat(log: Log, at: int) -> None:
    rows = [*log.rows[:at], log.rows[at - 1], *log.rows[at:]]
    log.rows = [renumbered(row, index) for index, row in enumerate(rows)]


def _erase_another(log: Log, at: int) -> None:
    log.change(at, customer="other")
    log.erase(at)


ATTACKS = (
    Attack("change", lambda log, at: log.change(at, customer="other")),
    Attack("drop", lambda log, at: log.drop(at)),
    Attack("reorder", _reorder),
    Attack("repeat", _repeat),
    Attack("truncate", lambda log, at: setattr(log, "rows", log.rows[:at])),
    Attack("back-date", lambda log, at: log.change(at, at=START - timedelta(days=1))),
    Attack("replace and erase", _erase_another),
)


@settings(max_examples=60)
@given(st.sampled_from(ATTACKS), st.integers(1, 11), st.integers(0, 2))
def test_any_rewriting_of_a_verified_past_is_named_at_its_first_entry(
    tmp_path_factory: pytest.TempPathFactory, attack: Attack, at: int, later: int
) -> None:
    """Invariant: whatever was verified once cannot be changed without that index being named."""
    home = tmp_path_factory.mktemp("home")
    log, machine, _ = a_log()
    assert check(log, home).ok
    attack.do(log, at)
    for _ in range(later):
        journal(log, machine, Action.FLOOR_CHANGED)
    assert wrong(check(log, home))[0] == at
