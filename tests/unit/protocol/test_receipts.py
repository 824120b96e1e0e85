"""The user's receipt: complete, in plain words of both languages, and safe to show."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import receipts
from protocol.audit import Action
from protocol.documents import JournalEntry
from protocol.receipts import Part, ReceiptGrant, make_receipt, render_text
from protocol.wire import Fact, facts
from protocol.wording import Language, Words
from protocol.wording.receipt import TABLE

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
MADRID = timezone(timedelta(hours=1))
AGENT = "ag-" + "a" * 32
GRANT = "0" * 31 + "1"


def entries(*acts: tuple[Action, dict[str, object]]) -> list[JournalEntry]:
    return [
        JournalEntry(
            version=1,
            agent=AGENT,
            sequence=number,
            previous="0" * 64,
            at=START + timedelta(minutes=number),
            action=action,
            grant=GRANT,
            ticket="T-7",
            facts=facts(**said),
        )
        for number, (action, said) in enumerate(acts, start=1)
    ]


SESSION = entries(
    (
        Action.CONSENT_GIVEN,
        {
            "technician": "ana",
            "technician_name": "Ana Ruiz",
            "organisation": "Ayuda S.L.",
            "scopes": "diagnose,logs,fix",
            "until": "2026-11-21T09:30:00Z",
            "reason": "no imprime",
        },
    ),
    (Action.AGENT_SESSION_OPENED, {}),
    (Action.DIAGNOSE_STARTED, {"collectors": "system,disks,zfs"}),
    (Action.DIAGNOSE_DONE, {"artifact": "art-1", "collectors": 3, "size_bytes": 4096}),
    (Action.LOGS_STARTED, {"sources": "journal", "pattern": "error.*cups", "since": "2026-11-21T08:00:00Z"}),
    (Action.LOGS_DONE, {"lines": 42, "secrets_removed": 3}),
    (Action.SCREENSHOT_STARTED, {"monitors": 1}),
    (Action.FIX_PLANNED, {"fix": "clean-cache", "fix_version": 2, "run": "r1"}),
    (Action.FIX_STARTED, {"fix": "clean-cache", "fix_version": 2, "run": "r1", "title_es": "Limpiar la caché", "title_en": "Clean the cache"}),
    (Action.FIX_DONE, {"fix": "clean-cache", "fix_version": 2, "run": "r1", "state": "succeeded"}),
    (Action.FIX_UNDO_STARTED, {"fix": "clean-cache", "run": "r1"}),
    (Action.FIX_UNDONE, {"fix": "clean-cache", "fix_version": 2, "run": "r1", "state": "undone"}),
    (Action.AGENT_REFUSED, {"code": "scope-not-granted"}),
    (Action.AGENT_SESSION_ENDED, {"why": "user-stop"}),
)  # fmt: skip


def text(language: Language, said: list[JournalEntry] = SESSION, grant: ReceiptGrant | None = None) -> str:
    return render_text(make_receipt(said, grant), Words(language, TABLE), MADRID)


def test_the_receipt_says_in_english_who_saw_ran_changed_and_refused_what() -> None:
    assert text("en", grant=ReceiptGrant(customer="Acme")) == (
        "Receipt of the help you received\n"
        "\n"
        "Who     Ana Ruiz (Ayuda S.L.)\n"
        "For     Acme\n"
        "Ticket  T-7\n"
        "Reason  no imprime\n"
        "When    2026-11-21 10:02 - 10:14\n"
        "\n"
        "What you decided\n"
        "  10:01  You allowed them to look at the state of the machine, read its logs and run approved repairs, until 10:30.\n"
        "  10:14  The session ended: you stopped it.\n"
        "\n"
        "What they saw\n"
        "  10:04  They looked at the state of this machine: the system, the disks and zfs.\n"
        "  10:06  They read the machine's logs. Lines shown: 42. Which: journal. They searched for “error.*cups”. Passwords and keys hidden before sending: 3.\n"
        "  10:07  They asked for a picture of your screen. It was not sent in full.\n"
        "  10:08  They checked what the repair clean-cache, version 2 would do. This changed nothing.\n"
        "\n"
        "What they changed\n"
        "  10:10  They ran the repair “Clean the cache” (clean-cache, version 2). Result: it worked and was checked.\n"
        "  10:12  They took the repair clean-cache, version 2 back. Result: everything is as before.\n"
        "\n"
        "What was refused\n"
        "  10:13  This machine refused a request: you had not allowed it.\n"
    )


def test_the_receipt_says_the_same_in_spanish() -> None:
    said = text("es")
    assert "Quién   Ana Ruiz (Ayuda S.L.)" in said
    assert "hasta las 10:30." in said
    assert (
        "la reparación «Limpiar la caché» (clean-cache, versión 2). Resultado: funcionó y se comprobó."
        in said
    )
    assert "usted no lo había permitido" in said


def test_a_refused_request_still_says_who_asked() -> None:
    shown = (Action.SESSION_SHOWN, {"technician": "ana", "reason": "no imprime"})
    said = text("en", entries(shown, (Action.CONSENT_DENIED, {"code": "consent-denied"})))
    assert "Who     ana\n" in said
    assert "You were shown what they asked for." in said


def test_a_request_that_nobody_answered_is_not_called_a_refusal_by_the_user() -> None:
    said = text("en", entries((Action.CONSENT_DENIED, {"code": "consent-timeout"})))
    assert "Nobody answered the request in time." in said
    assert "You said no" not in said


def test_a_session_without_changes_says_so() -> None:
    said = text("en", entries((Action.CONSENT_DENIED, {})))
    assert "What they saw\n  Nothing.\n" in said
    assert "What they changed\n  Nothing.\n" in said
    assert "You said no. They saw nothing." in said
    assert "The session never began." in said


def test_what_was_begun_and_never_ended_is_on_the_receipt() -> None:
    said = text("en", entries((Action.FIX_STARTED, {"fix": "restart-service", "fix_version": 1})))
    assert "They began the repair restart-service, version 1. Its end is not recorded." in said


def test_an_end_closes_the_start_of_its_own_run() -> None:
    receipt = make_receipt(
        entries(
            (Action.FIX_STARTED, {"fix": "one", "run": "r1"}),
            (Action.FIX_STARTED, {"fix": "two", "run": "r2"}),
            (Action.FIX_DONE, {"fix": "two", "run": "r2", "state": "succeeded"}),
        )
    )
    assert [(line.key, line.facts[0].value) for line in receipt.lines] == [
        ("receipt.fix-unfinished", "one"),
        ("receipt.fix-done", "two"),
    ]


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (
            [(Action.FIX_STARTED, {}), (Action.FIX_UNDO_STARTED, {}), (Action.FIX_UNDONE, {"state": "undone"})],
            "They ran the repair cups. It did not work, so it was taken back.",
        ),
        (
            [(Action.FIX_UNDO_STARTED, {}), (Action.FIX_UNDONE, {"state": "undo_failed"})],
            "They tried to take the repair cups back. It could not be taken back completely.",
        ),
        ([(Action.FIX_DONE, {"state": "no_op"})], "The repair cups was not needed. Nothing was changed."),
        ([(Action.FIX_DONE, {"state": "denied"})], "The repair cups was not run. Reason: it was refused."),
        ([(Action.FIX_STARTED, {}), (Action.FIX_DONE, {"state": "failed"})], "They ran the repair cups. Result: it did not work."),
    ],
)  # fmt: skip
def test_a_repair_is_told_as_it_went(ends: list[tuple[Action, dict[str, object]]], said: str) -> None:
    named = [(action, {"fix": "cups", "run": "r1", **more}) for action, more in ends]
    whole = text("en", entries(*named))
    assert said in whole
    assert "Its end is not recorded" not in whole


def test_the_verified_grant_is_believed_before_what_the_journal_repeats() -> None:
    receipt = make_receipt(SESSION, ReceiptGrant(technician="A. Ruiz García", ticket="T-7"))
    assert (receipt.grant.technician, receipt.grant.organisation) == ("A. Ruiz García", "Ayuda S.L.")


def test_text_from_the_other_side_cannot_move_the_cursor_or_reverse_the_line() -> None:
    nasty = "Ana\x1b[2J\u202eziuR\r\nWho  the king"
    said = text("en", entries((Action.CONSENT_GIVEN, {"technician_name": nasty, "reason": nasty})))
    assert "\x1b" not in said and "\u202e" not in said and "\r" not in said
    assert "\nWho  the king" not in said


@pytest.mark.parametrize(("action", "language"), list(product(Action, ("en", "es"))))
def test_every_action_has_a_sentence_or_none_with_all_and_with_no_facts(
    action: Action, language: Language
) -> None:
    assert text(language, entries((action, {})))
    full = dict.fromkeys(
        ("scopes", "until", "collectors", "lines", "monitors", "path", "fix", "why", "code", "pattern",
         "secrets_removed", "state", "fix_version", "title_en", "title_es"),
        "x",
    )  # fmt: skip
    assert text(language, entries((action, full)))  # type: ignore[arg-type]


def test_every_key_that_a_receipt_can_use_is_worded() -> None:
    tables = (receipts._DONE, receipts._STARTED, receipts._OTHERWISE)
    for said in [receipts._ROLLED_BACK, *(said for table in tables for said in table.values())]:
        assert f"receipt.{said.key}" in TABLE
        assert not said.needs or f"receipt.{said.key}-short" in TABLE
    assert all(f"receipt.part.{part}" in TABLE for part in Part)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(Action)),
            st.lists(
                st.builds(
                    Fact,
                    key=st.sampled_from(
                        ["scopes", "until", "fix", "why", "run", "state", "lines", "technician"]
                    ),
                    value=st.text(max_size=30),
                ),
                max_size=4,
            ),
        ),
        max_size=12,
    ),
    st.sampled_from(["en", "es"]),
)
def test_any_journal_gives_a_printable_receipt(
    acts: list[tuple[Action, list[Fact]]], language: Language
) -> None:
    said = [
        JournalEntry(
            version=1, agent=AGENT, sequence=k, previous="0" * 64, at=START, action=action, grant=GRANT,
            ticket=None, facts=tuple(some),
        )
        for k, (action, some) in enumerate(acts, start=1)
    ]  # fmt: skip
    assert all(letter == "\n" or letter.isprintable() for letter in text(language, said))


def test_a_title_is_quoted_as_its_language_does() -> None:
    titled: dict[str, object] = {"fix": "x", "run": "r1", "title_es": "Limpiar", "title_en": "Clean"}
    done = entries((Action.FIX_STARTED, titled), (Action.FIX_DONE, {**titled, "state": "succeeded"}))
    assert "“Clean” (x)" in text("en", done)
    assert "«Limpiar» (x)" in text("es", done)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "From    outside, invited to look by Ana Ruiz"),
        ("es", "De      fuera, por invitación de Ana Ruiz para mirar"),
    ],
)
def test_somebody_from_outside_is_not_taken_for_one_of_the_organisation(
    language: Language, line: str
) -> None:
    act = (
        Action.CONSENT_GIVEN,
        {"technician_name": "Vera", "organisation": "Ayuda", "invited_by": "Ana Ruiz"},
    )
    text = render_text(make_receipt(entries(act)), Words(language, TABLE), UTC)
    assert line in text.splitlines()
    assert render_text(make_receipt(SESSION), Words(language, TABLE), UTC).count(line.split()[1]) == 0
