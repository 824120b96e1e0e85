"""The part of the role matrix that is about reports."""

from __future__ import annotations

from broker.calls import Access, Http, Row
from broker.reports import api
from protocol.reports import Report
from protocol.scopes import Role

_READER: Access = frozenset({Role.TECHNICIAN, Role.ADMIN, Role.AUDITOR})
"""Not outside experts: they are asked for one ticket, not for the customer's figures."""

REPORT_ROUTES: tuple[Row, ...] = (
    Http(
        "GET",
        "/v1/reports/{name}",
        api.show_report,
        _READER,
        gives=Report,
        query=("from", "to", "customer", "tier", "priority", "category"),
    ),
)
