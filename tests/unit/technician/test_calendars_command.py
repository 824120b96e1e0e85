"""`relevo org calendar`, `relevo org target`, and SLA clocks in words."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from protocol.calendars import Holiday
from protocol.desk import OlaTarget, SlaTarget, require_calendars
from protocol.drivers import terminal
from protocol.errors import Code, RelevoError
from protocol.sla import ClockName, ClockState, Why
from protocol.sla_views import SlaExplained, SlaStretch, SlaTrace
from protocol.wording import Words
from protocol.wording import sla as sla_words
from technician.cli import ticket_sla
from technician.cli.org_calendar import parse_years
from technician.org import calendars, initialise, people
from technician.org.state import OrgFolder

HOURS = ("mon-fri 09:00-17:00",)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    initialise.init(tmp_path / "home", "Ayuda SL", "admin", datetime.now(UTC))
    people.add_customer(tmp_path / "home", "acme", "Acme")
    return tmp_path / "home"


def code_of(action: Any, *arguments: object, **named: object) -> Code:
    with pytest.raises(RelevoError) as caught:
        action(*arguments, **named)
    return caught.value.code


def test_holidays_of_a_region_become_explicit_signed_dates(home: Path) -> None:
    calendars.set_calendar(home, "oficina", "Europe/Madrid", HOURS)
    found = calendars.holidays_of("es", "MD", [2026, 2027])
    made = calendars.add_holidays(home, "oficina", found)
    assert Holiday(date=date(2026, 12, 25), name="Natividad del Señor") in made.holidays
    assert [day.date for day in made.holidays] == sorted({day.date for day in found})
    assert {day.date.year for day in made.holidays} == {2026, 2027}
    again = calendars.add_holidays(home, "oficina", found)
    assert again == made
    require_calendars(OrgFolder(home).load().desk)


def test_a_calendar_set_again_keeps_its_holidays(home: Path) -> None:
    calendars.set_calendar(home, "oficina", "Europe/Madrid", HOURS)
    calendars.add_holidays(home, "oficina", [Holiday(date=date(2026, 5, 15), name="San Isidro")])
    changed = calendars.set_calendar(home, "oficina", "Atlantic/Canary", ("mon-sun 00:00-24:00",))
    assert (changed.zone, len(changed.holidays)) == ("Atlantic/Canary", 1)
    assert OrgFolder(home).load().desk.calendars == (changed,)
    assert OrgFolder(home).load().staged


@pytest.mark.parametrize(
    ("zone", "hours", "code"),
    [
        ("Mars/Olympus", HOURS, Code.PARAMETER_INVALID),
        ("Europe/Madrid", (), Code.PARAMETER_INVALID),
        ("Europe/Madrid", ("mon 09:00-12:00", "mon 11:00-13:00"), Code.PARAMETER_INVALID),
        ("Europe/Madrid", ("9 to 5",), Code.USAGE),
        ("../../etc/passwd", HOURS, Code.USAGE),
    ],
)
def test_a_broken_calendar_never_reaches_the_draft(
    home: Path, zone: str, hours: tuple[str, ...], code: Code
) -> None:
    assert code_of(calendars.set_calendar, home, "x", zone, hours) is code
    assert OrgFolder(home).load().desk.calendars == ()


@pytest.mark.parametrize(("country", "subdivision"), [("XX", None), ("ES", "QQ")])
def test_a_region_that_nobody_knows_is_not_found(country: str, subdivision: str | None) -> None:
    assert code_of(calendars.holidays_of, country, subdivision, [2026]) is Code.NOT_FOUND
    assert code_of(calendars.holidays_of, "ES", None, []) is Code.USAGE


def test_a_calendar_in_use_is_not_removed(home: Path) -> None:
    calendars.set_calendar(home, "oficina", "Europe/Madrid", HOURS)
    calendars.use_calendar(home, "oficina", ("acme",), staff=True)
    desk = OrgFolder(home).load().desk
    assert (desk.of_customer("acme").calendar, desk.staff_calendar) == ("oficina", "oficina")
    assert code_of(calendars.remove_calendar, home, "oficina") is Code.CONFLICT
    assert code_of(calendars.remove_calendar, home, "other") is Code.NOT_FOUND
    assert code_of(calendars.use_calendar, home, "other", ("acme",), staff=False) is Code.NOT_FOUND
    assert code_of(calendars.use_calendar, home, "oficina", ("nobody",), staff=False) is Code.NOT_FOUND
    assert code_of(calendars.use_calendar, home, "oficina", (), staff=False) is Code.USAGE


def test_promises_are_per_customer_and_priority(home: Path) -> None:
    ola = (OlaTarget(tier=1, priority=1, minutes=30),)
    calendars.set_target(home, "*", SlaTarget(priority=1, resolution=480))
    calendars.set_target(home, "acme", SlaTarget(priority=1, first_response=15, resolution=240), ola)
    calendars.set_target(home, "acme", SlaTarget(priority=2, resolution=480))
    desk = OrgFolder(home).load().desk
    assert desk.of_customer("acme").sla_target(1).resolution == 240
    assert desk.of_customer("acme").ola_minutes(1, 1) == 30
    assert desk.of_customer("acme").sla_target(2).first_response is None
    assert desk.of_customer("globex").sla_target(1).resolution == 480
    assert code_of(calendars.set_target, home, "nobody", SlaTarget(priority=1)) is Code.NOT_FOUND
    assert code_of(calendars.set_target, home, "acme", SlaTarget(priority=1, resolution=0)) is Code.USAGE


@pytest.mark.parametrize("text", ["", "26", "2028-2026", "2026-9999", "x"])
def test_years_that_mean_nothing_are_refused(text: str) -> None:
    assert parse_years("2026-2028") == [2026, 2027, 2028]
    assert code_of(parse_years, text) is Code.USAGE


def test_the_commands_do_what_the_functions_do(home: Path) -> None:
    from technician.cli import cli

    def relevo(*arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(cli, ["org", *arguments, "--home", str(home)], standalone_mode=False)
        if status == 0:
            assert result.exception is None, result.exception
        else:
            assert isinstance(result.exception, RelevoError)
        return result.stdout

    relevo(
        "calendar",
        "set",
        "oficina",
        "--zone",
        "Europe/Madrid",
        "--hours",
        "mon-thu 09:00-18:00, fri 08:00-15:00",
    )
    relevo("calendar", "holidays", "oficina", "--country", "ES", "--subdivision", "CT", "--years", "2026")
    relevo("calendar", "use", "oficina", "--customer", "acme")
    relevo(
        "target", "acme", "--priority", "1", "--resolution", "4h", "--first-response", "15", "--ola", "1=30m"
    )
    relevo("target", "acme", "--priority", "1", "--resolution", "4h30s", status=2)
    relevo("target", "acme", "--priority", "1", "--resolution", "90s", status=2)
    relevo("target", "acme", "--priority", "1", "--ola", "4=30m", status=2)
    (listed,) = json.loads(relevo("calendar", "list", "--json"))
    assert listed["hours"] == ["mon-thu 09:00-18:00", "fri 08:00-15:00"]
    assert {"date": "2026-09-11", "name": "Fiesta Nacional de Cataluña"} in listed["holidays"] or any(
        day["date"] == "2026-09-11" for day in listed["holidays"]
    )
    row = OrgFolder(home).load().desk.of_customer("acme")
    assert row.sla == (SlaTarget(priority=1, first_response=15, resolution=240),)
    assert row.ola == (OlaTarget(tier=1, priority=1, minutes=30),)


# --- in words ---------------------------------------------------------------------------------------

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


def trace(state: ClockState, used: int, *, due: datetime | None, stopped: datetime | None = None) -> SlaTrace:
    return SlaTrace(
        clock=ClockName.RESOLUTION,
        cycle=0,
        state=state,
        target_s=14_400,
        used_s=used,
        remaining_s=14_400 - used,
        started=START,
        stopped=stopped,
        due=due,
        stretches=(
            SlaStretch(
                since=START, until=START + timedelta(hours=1), why=Why.COUNTED, counted=True, open_s=3_600
            ),
            SlaStretch(
                since=START + timedelta(hours=1),
                until=START + timedelta(hours=3),
                why=Why.AWAITING_USER,
                counted=False,
                open_s=7_200,
            ),
        ),
    )


def told(*clocks: SlaTrace) -> SlaExplained:
    return SlaExplained(
        ticket="T-1",
        customer="acme",
        priority=2,
        at=START,
        calendar="office",
        zone="Europe/Berlin",
        hours=HOURS,
        closed=("2026-12-25 Navidad\x1b[31m",),
        clocks=clocks,
    )


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def speak(language: Any, explained: SlaExplained) -> str:
        monkeypatch.setattr(ticket_sla, "words", lambda: Words(language, sla_words.TABLE, terminal._BASE))
        ticket_sla.show_explained(explained)
        return capsys.readouterr().out

    return speak


def test_an_account_says_in_words_what_counted_and_what_did_not(spoken: Any) -> None:
    running = trace(ClockState.RUNNING, 3_600, due=datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
    english = spoken("en", told(running))
    assert "Resolution: 1 h 00 min of 4 h 00 min used, 3 h 00 min left, due 2026-11-24 10:30" in english
    assert "2026-11-23 09:00  2026-11-23 10:00    1 h 00 min  counts" in english
    assert "does not count: waiting for the user" in english
    assert "\x1b" not in english
    spanish = spoken("es", told(running))
    assert "quedan 3 h 00 min, vence 2026-11-24 10:30" in spanish
    assert "no cuenta: se espera a la persona" in spanish


def test_every_state_and_reason_has_its_words(spoken: Any) -> None:
    for state in ClockState:
        for language in ("en", "es"):
            line = spoken(language, told(trace(state, 18_000, due=None))).splitlines()[2]
            assert "{" not in line and "5 h 00 min" in line
    for why in Why:
        assert f"sla.why.{why}" in sla_words.TABLE
    for name in ClockName:
        assert f"sla.clock.{name}" in sla_words.TABLE


def test_where_nothing_is_promised_it_says_so(spoken: Any) -> None:
    assert spoken("en", told()) == "Nothing is promised to acme for P2.\n"


def test_durations_are_hours_and_minutes() -> None:
    found = [ticket_sla.duration(seconds) for seconds in (0, 59, 60, 3_599, 3_600, -7_500, 200_000)]
    assert found == ["0 min", "0 min", "1 min", "59 min", "1 h 00 min", "2 h 05 min", "55 h 33 min"]
