"""The part of the role matrix that is about trend facts and early warnings."""

from __future__ import annotations

from broker.calls import MEMBER, TECHNICIAN, Http, Row
from broker.trends import api
from protocol import trend_api as wire

TREND_ROUTES: tuple[Row, ...] = (
    Http("GET", "/v1/agents/{agent}/trends", api.show_trends, MEMBER, gives=wire.TrendsView, query=("kind",)),
    Http(
        "GET",
        "/v1/warnings",
        api.list_warnings,
        MEMBER,
        gives=wire.Warnings,
        query=("open", "kind", "agent", "customer", "limit"),
    ),
    Http("GET", "/v1/tickets/{ticket}/warning", api.show_warning, MEMBER, gives=wire.WarningDetail),
    Http(
        "POST",
        "/v1/tickets/{ticket}/warning",
        api.judge_warning,
        TECHNICIAN,
        takes=wire.WarningJudged,
        gives=wire.WarningView,
    ),
)
