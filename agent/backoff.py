"""Full-jitter exponential backoff, as a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def full_jitter(uniform: Callable[[float, float], float], base_s: float, cap_s: float) -> Iterator[float]:
    """Seconds to wait before each next attempt: uniform in [0, min(cap, base * 2**n)].

    Spreads a thousand agents that lost the same broker (AWS Architecture Blog, "Exponential Backoff
    And Jitter").
    """
    ceiling = base_s
    while True:
        yield uniform(0.0, min(cap_s, ceiling))
        ceiling = min(cap_s, ceiling * 2)
