"""What is promised to each customer, made ready to compute with once per published desk."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable

import structlog

from protocol.calendars import ALWAYS, Hours
from protocol.desk import Desk, NoticeStep
from protocol.errors import RelevoError
from protocol.scopes import ANY_CUSTOMER
from protocol.sla import Targets
from protocol.wire import to_json

TIERS = (1, 2, 3)
PRIORITIES = (1, 2, 3, 4, 5)
_NONE = Targets()
_log = structlog.get_logger("broker.sla")


class _Customer:
    """One row of the desk: its hours, its targets by priority, its steps."""

    def __init__(self, desk: Desk, customer: str, hours_of: Callable[[str | None], Hours | None]) -> None:
        row = desk.of_customer(customer)
        self.named = row.calendar is not None
        self.hours = hours_of(row.calendar)
        self.steps = tuple(sorted(row.notices, key=lambda step: step.percent))
        self.percents = tuple(dict.fromkeys(step.percent for step in self.steps))
        self.targets: dict[int, Targets] = {}
        for priority in PRIORITIES:
            target = row.sla_target(priority)
            ola = {tier: row.ola_minutes(tier, priority) for tier in TIERS}
            self.targets[priority] = Targets(
                target.first_response,
                target.resolution,
                target.next_response,
                {tier: minutes for tier, minutes in ola.items() if minutes is not None},
            )


class Promises:
    """The calendars and targets of one desk. Safe to share between threads.

    A calendar that cannot be computed with (a zone that this machine's database lost; publishing checks
    the rest) stops the clocks of its customers, loudly, and nothing else.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.digest = hashlib.sha256(to_json(desk)).hexdigest()
        """Clocks computed under another digest are out of date."""
        # Many customers have the same calendar, and its tables are made and kept once.
        hours_of = functools.cache(functools.partial(_hours, desk))
        self._rows = {row.customer: _Customer(desk, row.customer, hours_of) for row in desk.customers}
        self._others = self._rows.get(ANY_CUSTOMER) or _Customer(desk, ANY_CUSTOMER, hours_of)
        self._staff: dict[str, Hours] = {}

    def hours(self, customer: str) -> Hours | None:
        """None where the customer's calendar is broken: no clock runs."""
        return self._of(customer).hours

    def workdays(self, customer: str) -> Hours | None:
        """By which business days are counted; None where no calendar is named, or it is broken."""
        row = self._of(customer)
        return row.hours if row.named else None

    def targets(self, customer: str, priority: int) -> Targets:
        return self._of(customer).targets.get(priority, _NONE)

    def percents(self, customer: str) -> tuple[int, ...]:
        """Shares of a target at which somebody is told, ascending."""
        return self._of(customer).percents

    def steps(self, customer: str) -> tuple[NoticeStep, ...]:
        return self._of(customer).steps

    def staff_hours(self, technician: str) -> Hours:
        """When the person wants to be told; always, where that is broken or not said."""
        found = self._staff.get(technician)
        if found is None:
            ability = self.desk.ability(technician)
            found = _hours(self.desk, ability.calendar or self.desk.staff_calendar) or Hours(ALWAYS)
            self._staff[technician] = found
        return found

    def _of(self, customer: str) -> _Customer:
        return self._rows.get(customer) or self._others


def _hours(desk: Desk, calendar: str | None) -> Hours | None:
    try:
        return Hours(desk.calendar(calendar))
    except RelevoError as error:
        _log.critical("calendar-broken", calendar=calendar, why=error.detail)
        return None


class PromiseBook:
    """The promises of the desk that is in force; made anew when another one is published."""

    def __init__(self) -> None:
        self._made: Promises | None = None

    def of(self, desk: Desk) -> Promises:
        made = self._made
        if made is None or made.desk is not desk:
            made = self._made = Promises(desk)
        return made
