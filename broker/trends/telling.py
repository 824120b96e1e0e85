"""A warning in words, in the ticket's language: what will happen, when, and why that is believed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from protocol.amounts import duration, size
from protocol.forecast import CRASH_WINDOW_S, Forecast
from protocol.trends import Kind
from protocol.wording import Words
from protocol.wording.trends import TABLE

_TITLE = 200
_HOUR_S = 3_600.0


class Told(NamedTuple):
    title: str
    text: str
    note: str


def told(language: str, hostname: str, subject: str, forecast: Forecast) -> Told:
    """Title and text of a new ticket, and the one line for a ticket that is open already."""
    words = Words("es" if language == "es" else "en", TABLE)
    values = _values(words, hostname, subject, forecast)
    now = forecast.eta_s is not None and forecast.eta_s <= 0
    title = words(f"warning.{forecast.kind}.{'now' if now else 'title'}", **values)
    why = words(f"warning.{forecast.kind}.why", **values)
    fit = "" if forecast.r2 is None else words("warning.fit", **values)
    asked = words("warning.judge")
    return Told(
        title[:_TITLE],
        "\n\n".join(part for part in (title, why, fit, asked) if part),
        "\n".join(part for part in (title, why) if part),
    )


def _values(words: Words, hostname: str, subject: str, forecast: Forecast) -> dict[str, object]:
    used = forecast.used
    slope = forecast.slope_per_day or 0.0
    amount = number if forecast.kind is Kind.BATTERY else size
    return {
        "host": hostname,
        "subject": subject,
        "eta": duration(words, forecast.eta_s or 0.0),
        "value": amount(forecast.value),
        "limit": amount(forecast.limit),
        "slope": amount(abs(slope)),
        "count": number(forecast.value),
        "hours": number(CRASH_WINDOW_S / _HOUR_S),
        "end": moment(forecast.value) if forecast.kind is Kind.CERTIFICATE else "",
        "points": len(used),
        "since": moment(used[0].at),
        "until": moment(used[-1].at),
        "r2": f"{forecast.r2 or 0.0:.2f}",
    }


def number(amount: float) -> str:
    return f"{amount:.0f}" if amount == int(amount) else f"{amount:.1f}"


def moment(unix_s: float) -> str:
    """UTC to the minute; readings are limited so that every one is a date, save the absurd."""
    try:
        return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{unix_s:.0f} s"
