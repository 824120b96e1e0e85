"""Facts of a record as people read them: names and codes in their language, times on their clock.

``--json`` has them as they were written. What a person wrote is never translated.
"""

from __future__ import annotations

import re
from datetime import tzinfo

from protocol.errors import RelevoError
from protocol.times import in_zone, parse_rfc3339
from protocol.wording import Words

_FOR_PROGRAMS = frozenset({"sequence", "agent_at", "title_en", "title_es", "nonce", "sealed"})
_CODES = frozenset(
    {
        "state", "from_state", "to_state", "move", "reason", "event", "cause", "channel", "mode", "kind", "clock",
        "act", "basis", "as_is", "follow", "public", "overridden", "right",
    }
)  # fmt: skip
"""Facts whose values are codes, or may be one beside what people write."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def in_words(key: str, value: str, words: Words, zone: tzinfo | None) -> str | None:
    """``from: new``; None for what tells a person nothing, such as hashes and what is empty."""
    if not value or key in _FOR_PROGRAMS or key.endswith("sha256"):
        return None
    label = f"audit.fact.{key}"
    name = words(label) if words.has(label) else key
    return f"{name}: {_value(key, value, words, zone)}"


def _value(key: str, value: str, words: Words, zone: tzinfo | None) -> str:
    code = f"audit.value.{value}"
    if key in _CODES and words.has(code):
        return words(code)
    if _TIME.fullmatch(value):
        try:
            return f"{in_zone(parse_rfc3339(value), zone):%Y-%m-%d %H:%M:%S}"
        except RelevoError:
            return value
    return value
