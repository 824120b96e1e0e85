"""`relevo org calendar` and `relevo org target`: business hours, holidays, promised times."""

from __future__ import annotations

import re
from pathlib import Path

import click

from protocol.drivers.terminal import Command, Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.times import parse_duration
from technician.cli.common import show_rows, technician_options

_YEARS = re.compile(r"(\d{4})(?:-(\d{4}))?")


@click.group("calendar", cls=Group, help="org.calendar")
def calendar() -> None:
    """The commands below."""


@calendar.command("set", help="org.calendar.set")
@click.argument("id_", metavar="ID")
@option("--zone", required=True, metavar="ZONE", help="org.calendar.zone")
@option("--hours", required=True, multiple=True, metavar="HOURS", help="org.calendar.hours")
@technician_options
def calendar_set(id_: str, zone: str, hours: tuple[str, ...], home: Path, as_json: bool) -> None:
    """Stage a calendar."""
    from technician.org import calendars

    made = calendars.set_calendar(
        home, id_, zone, [part.strip() for text in hours for part in text.split(",")]
    )
    if as_json:
        emit_json(made)
        return
    say(words()("org.calendar.staged", id=made.id, zone=made.zone))
    note(words()("org.publish_needed"))


@calendar.command("holidays", help="org.calendar.holidays")
@click.argument("id_", metavar="ID")
@option("--country", required=True, metavar="CODE", help="org.calendar.country")
@option("--subdivision", metavar="CODE", help="org.calendar.subdivision")
@option("--years", required=True, metavar="YEAR[-YEAR]", help="org.calendar.years")
@technician_options
def calendar_holidays(
    id_: str, country: str, subdivision: str | None, years: str, home: Path, as_json: bool
) -> None:
    """Stage the public holidays of a region as explicit dates."""
    from technician.org import calendars

    found = calendars.holidays_of(country, subdivision, parse_years(years))
    made = calendars.add_holidays(home, id_, found)
    if as_json:
        emit_json(made)
        return
    titles = words()("org.calendar.holiday_titles").split("|")
    show_rows(titles, ((day.date.isoformat(), day.name) for day in found), "org.calendar.no_holidays")
    note(words()("org.publish_needed"))


def parse_years(text: str) -> list[int]:
    """``2026`` or ``2026-2028``. Raises RelevoError: ``usage``."""
    found = _YEARS.fullmatch(text.strip())
    if not found:
        raise RelevoError(Code.USAGE, f"years look like 2026 or 2026-2028, not {text[:20]!r}")
    first, last = int(found[1]), int(found[2] or found[1])
    if not first <= last < first + 100:
        raise RelevoError(Code.USAGE, f"from {first} to {last}")
    return list(range(first, last + 1))


@calendar.command("use", help="org.calendar.use")
@click.argument("id_", metavar="ID")
@option("--customer", "customers", multiple=True, metavar="CUSTOMER", help="org.calendar.customer")
@option("--staff", is_flag=True, help="org.calendar.staff")
@technician_options
def calendar_use(id_: str, customers: tuple[str, ...], staff: bool, home: Path, as_json: bool) -> None:
    """Stage whose hours these are."""
    from technician.org import calendars

    calendars.use_calendar(home, id_, customers, staff=staff)
    if as_json:
        emit_json({"calendar": id_, "customers": list(customers), "staff": staff})
        return
    say(words()("org.calendar.used", id=printable(id_)))
    note(words()("org.publish_needed"))


@calendar.command("remove", help="org.calendar.remove")
@click.argument("id_", metavar="ID")
@technician_options
def calendar_remove(id_: str, home: Path, as_json: bool) -> None:
    """Stage the removal of a calendar that nobody uses."""
    from technician.org import calendars

    calendars.remove_calendar(home, id_)
    if as_json:
        emit_json({"removed": id_})
        return
    say(words()("org.calendar.removed", id=printable(id_)))
    note(words()("org.publish_needed"))


@calendar.command("list", help="org.calendar.list")
@technician_options
def calendar_list(home: Path, as_json: bool) -> None:
    """Calendars of the draft."""
    from technician.org.state import OrgFolder

    found = OrgFolder(home).load().desk.calendars
    if as_json:
        emit_json(found)
        return
    rows = ((c.id, c.zone, ", ".join(c.hours), len(c.holidays), len(c.exceptions)) for c in found)
    show_rows(words()("org.calendar.titles").split("|"), rows, "org.calendar.none")


@click.command("target", cls=Command, help="org.target")
@click.argument("customer", metavar="CUSTOMER")
@option("--priority", type=click.IntRange(1, 5), required=True, help="org.target.priority")
@option("--first-response", metavar="DURATION", help="org.target.first-response")
@option("--next-response", metavar="DURATION", help="org.target.next-response")
@option("--resolution", metavar="DURATION", help="org.target.resolution")
@option("--ola", multiple=True, metavar="TIER=DURATION", help="org.target.ola")
@technician_options
def target(
    customer: str,
    priority: int,
    first_response: str | None,
    next_response: str | None,
    resolution: str | None,
    ola: tuple[str, ...],
    home: Path,
    as_json: bool,
) -> None:
    """Stage what a customer is promised for a priority; CUSTOMER ``*`` is everybody else."""
    from protocol.desk import OlaTarget, SlaTarget
    from technician.org import calendars

    promised = SlaTarget(
        priority=priority,
        first_response=_minutes(first_response),
        next_response=_minutes(next_response),
        resolution=_minutes(resolution),
    )
    inside = []
    for text in ola:
        tier, _, duration = text.partition("=")
        minutes = _minutes(duration)
        if tier not in ("1", "2", "3") or minutes is None:
            raise RelevoError(Code.USAGE, f"an OLA looks like 1=30m, not {text[:20]!r}")
        inside.append(OlaTarget(tier=int(tier), priority=priority, minutes=minutes))
    made = calendars.set_target(home, customer, promised, inside)
    if as_json:
        emit_json(made)
        return
    say(words()("org.target.staged", customer=printable(customer), priority=priority))
    note(words()("org.publish_needed"))


def _minutes(text: str | None) -> int | None:
    """Whole minutes of business time; ``90`` alone is minutes here. Raises RelevoError: ``usage``."""
    if not text:
        return None
    seconds = parse_duration(f"{text}m" if text.isdecimal() else text).total_seconds()
    if seconds < 60 or seconds % 60:
        raise RelevoError(Code.USAGE, f"whole minutes, not {text[:20]!r}")
    return int(seconds) // 60
