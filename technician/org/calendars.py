"""Calendars and promised times of the draft's desk. ``relevo org publish`` makes them count.

Holidays come from the library ``holidays`` here, on the administrator's machine, and are signed as explicit
dates: what a release of a library thinks of a region must not decide who was late.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

import msgspec

from protocol.calendars import Calendar, Holiday, check
from protocol.desk import CustomerDesk, Desk, OlaTarget, SlaTarget, require_calendars
from protocol.errors import Code, RelevoError
from protocol.scopes import ANY_CUSTOMER
from protocol.wire import Wire, from_json, to_json
from technician.org.state import OrgFolder

W = TypeVar("W", bound=Wire)
MAX_YEARS = 20
replace = msgspec.structs.replace


def holidays_of(country: str, subdivision: str | None, years: Sequence[int]) -> tuple[Holiday, ...]:
    """Public holidays in order, under their local names.

    Raises:
        RelevoError: ``not-found`` for a country or subdivision that the library does not know; ``usage``
            for no years or too many.
    """
    # 0.15 s to import, and only this needs it.
    import holidays

    if not 1 <= len(years) <= MAX_YEARS:
        raise RelevoError(Code.USAGE, f"1 to {MAX_YEARS} years")
    try:
        code = country.upper()
        # Without a language the library takes that of this process's locale.
        language = holidays.country_holidays(code, subdiv=subdivision).default_language
        found = holidays.country_holidays(code, subdiv=subdivision, years=list(years), language=language)
    except (NotImplementedError, KeyError) as error:
        raise RelevoError(Code.NOT_FOUND, f"holidays of {country}-{subdivision or '*'}: {error}") from error
    return tuple(Holiday(date=day, name=found[day][:200]) for day in sorted(found))


def set_calendar(home: Path, id_: str, zone: str, hours: Sequence[str]) -> Calendar:
    """Stage a calendar; one of that id keeps its holidays and exceptions.

    Raises:
        RelevoError: ``usage``, ``parameter-invalid`` (see ``protocol.calendars.check``).
    """
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        old = {calendar.id: calendar for calendar in state.desk.calendars}.get(id_)
        fresh = Calendar(id=id_, zone=zone, hours=tuple(hours))
        if old is not None:
            fresh = replace(fresh, holidays=old.holidays, exceptions=old.exceptions)
        fresh = _checked(fresh)
        check(fresh)
        folder.stage(state, desk=_with(state.desk, fresh))
        return fresh


def add_holidays(home: Path, id_: str, found: Sequence[Holiday]) -> Calendar:
    """Stage holidays on top of those that the calendar has; a date that is there already gets the new name.

    Raises:
        RelevoError: ``not-found`` for the calendar; ``usage`` when they are too many.
    """
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        calendar = _existing(state.desk, id_)
        days: dict[date, Holiday] = {day.date: day for day in (*calendar.holidays, *found)}
        fresh = _checked(replace(calendar, holidays=tuple(days[day] for day in sorted(days))))
        folder.stage(state, desk=_with(state.desk, fresh))
        return fresh


def remove_calendar(home: Path, id_: str) -> None:
    """Stage the removal. Raises RelevoError: ``not-found``; ``conflict`` while somebody uses it."""
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        _existing(state.desk, id_)
        left = tuple(calendar for calendar in state.desk.calendars if calendar.id != id_)
        desk = replace(state.desk, calendars=left)
        try:
            require_calendars(desk)
        except RelevoError as error:
            raise RelevoError(Code.CONFLICT, f"calendar {id_} is in use") from error
        folder.stage(state, desk=desk)


def use_calendar(home: Path, id_: str, customers: Sequence[str], *, staff: bool) -> None:
    """Stage by which hours the customers' minutes are counted, and when technicians are told of things.

    Raises:
        RelevoError: ``not-found`` for the calendar or a customer; ``usage`` for nobody.
    """
    if not customers and not staff:
        raise RelevoError(Code.USAGE, "say for which customer, or for the staff")
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        _existing(state.desk, id_)
        desk = replace(state.desk, staff_calendar=id_) if staff else state.desk
        for customer in customers:
            if customer != ANY_CUSTOMER:
                state.roster.customer(customer)
            desk = _with_customer(desk, replace(_row(desk, customer), calendar=id_))
        folder.stage(state, desk=desk)


def set_target(home: Path, customer: str, target: SlaTarget, ola: Sequence[OlaTarget] = ()) -> CustomerDesk:
    """Stage what a customer is promised for one priority; what was promised for it before is replaced.

    Raises:
        RelevoError: ``not-found`` for the customer; ``usage``.
    """
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        if customer != ANY_CUSTOMER:
            state.roster.customer(customer)
        row = _row(state.desk, customer)
        promised = [other for other in row.sla if other.priority != target.priority]
        inside = [other for other in row.ola if other.priority != target.priority]
        fresh = replace(
            row,
            sla=tuple(sorted((*promised, target), key=lambda one: one.priority)),
            ola=tuple(sorted((*inside, *ola), key=lambda one: (one.priority, one.tier))),
        )
        fresh = _checked(fresh)
        folder.stage(state, desk=_with_customer(state.desk, fresh))
        return fresh


def _existing(desk: Desk, id_: str) -> Calendar:
    for calendar in desk.calendars:
        if calendar.id == id_:
            return calendar
    raise RelevoError(Code.NOT_FOUND, f"calendar {id_}")


def _with(desk: Desk, calendar: Calendar) -> Desk:
    others = [other for other in desk.calendars if other.id != calendar.id]
    return replace(desk, calendars=tuple(sorted((*others, calendar), key=lambda one: one.id)))


def _row(desk: Desk, customer: str) -> CustomerDesk:
    """The customer's own row; the first time it is what held for it until now."""
    return replace(desk.of_customer(customer), customer=customer)


def _with_customer(desk: Desk, row: CustomerDesk) -> Desk:
    others = [other for other in desk.customers if other.customer != row.customer]
    return replace(desk, customers=(*others, row))


def _checked(value: W) -> W:
    """``value`` if it keeps the limits of its own type, which a constructor does not check."""
    try:
        return from_json(to_json(value), type(value))
    except RelevoError as error:
        raise RelevoError(Code.USAGE, error.detail) from error
