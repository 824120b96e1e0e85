"""The timeline of a ticket as a person reads it: words instead of codes, nothing that somebody wrote is lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from protocol.api import TicketEvent
from protocol.audit import AGENT_ACTIONS
from protocol.scopes import Clearance
from protocol.tickets import Move
from protocol.wording import Words, audit_facts, happenings, sla
from protocol.wording import desk as ticket_words
from technician.cli import happenings as shown

AT = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
FIX = (
    "fix=stale-lock; fix_version=1; state=succeeded; title_en=Remove a lock; title_es=Quitar un bloqueo; "
    "params=path=/tmp/a.lock; sha256=" + "0a" * 32 + "; sequence=35; agent_at=2026-11-22T06:58:15.902374Z"
)


@pytest.fixture(params=["en", "es"], autouse=True)
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    words = Words(request.param, happenings.TABLE, ticket_words.TABLE, sla.TABLE, audit_facts.TABLE)
    monkeypatch.setattr(shown, "words", lambda: words)
    return str(request.param)


def event(kind: str, text: str, withheld: Clearance | None = None) -> TicketEvent:
    return TicketEvent(at=AT, by="ana", kind=kind, text=text, public=False, withheld=withheld)


def test_every_move_and_everything_that_a_machine_records_on_a_ticket_has_a_name() -> None:
    kinds = [f"ticket.{move}" for move in Move] + [action.value for action in AGENT_ACTIONS]
    nameless = [kind for kind in kinds if shown.what(kind) == kind]
    assert nameless == ["consent.floor-changed"], "only what belongs to no ticket"


def test_a_machine_is_called_a_machine_and_a_person_by_name(language: str) -> None:
    machine = {"en": "the machine", "es": "el equipo"}[language]
    assert shown.who("ag-pataz4tztfa7h6wgnn3n7bratjvi3ojc") == machine
    assert shown.who("Ana Ruiz") == "Ana Ruiz"


def test_facts_are_shown_without_numbers_for_programs_and_with_one_title(language: str) -> None:
    assert (
        shown.details(event("fix.done", FIX))
        == {
            "en": "fix: stale-lock; state: succeeded; Remove a lock; parameters: path=/tmp/a.lock",
            "es": "reparación: stale-lock; estado: correcto; Quitar un bloqueo; parámetros: path=/tmp/a.lock",
        }[language]
    )


def test_what_a_person_wrote_is_neither_cut_nor_combed() -> None:
    written = "see; sequence=4; " + "long " * 100
    assert shown.details(event("ticket.note", written)) == written
    assert shown.details(event("ticket.note", "x" * 9_000)).endswith("x…")


def test_a_refused_access_and_a_notice_of_time_are_words(language: str) -> None:
    refused = "method=POST; path=/v1/tickets/{ticket}/invitations; code=role-missing"
    assert shown.what("access.refused") == {"en": "access refused", "es": "acceso rechazado"}[language]
    code = {"en": "code", "es": "código"}[language]
    assert shown.details(event("access.refused", refused)) == f"{code}: role-missing"
    clock = {"en": "Next response", "es": "Respuesta siguiente"}[language]
    assert shown.details(event("ticket.notice", "next_response#2 75 %")) == f"{clock} 2: 75 %"
    assert shown.details(event("ticket.notice", "something else")) == "something else"


def test_a_reason_is_kept_among_the_facts(language: str) -> None:
    said = "scopes=diagnose; reason=it is slow; sequence=many; ends=2026-11-22T07:26:15Z"
    kept = {
        "en": "scopes: diagnose; reason: it is slow; sequence=many; ends: 2026-11-2",
        "es": "ámbitos: diagnose; motivo: it is slow; sequence=many; termina: 2026-11-2",
    }[language]
    assert shown.details(event("session.requested", said)).startswith(kept)


def test_a_step_of_a_hand_over_is_read_like_the_timeline(language: str) -> None:
    done = {"en": "fix ended", "es": "reparación terminada"}[language]
    fix = {"en": "fix", "es": "reparación"}[language]
    assert shown.step(f"2026-11-22 06:58 fix.done: {FIX}").startswith(
        f"2026-11-22 06:58 {done}: {fix}: stale-lock;"
    )
    assert "sequence" not in shown.step(f"2026-11-22 06:58 fix.done: {FIX}")
    assert shown.step("Restarted it: twice") == "Restarted it: twice"


def test_a_text_above_ones_clearance_says_what_it_needs() -> None:
    assert "R3" in shown.details(event("ticket.note", "", Clearance.R3))
