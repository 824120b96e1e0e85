"""What every test shares: how long generated examples go on, and which they are."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Figures of time have no place in a test: neither a deadline an example nor how long they take to draw. Worlds
# of a fixture are meant to be shared by the examples.
_COMMON = settings(
    deadline=None, suppress_health_check=(HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
)
# A change is judged by the same examples each time; `make explore` draws new ones, and more of them.
settings.register_profile("relevo", _COMMON, max_examples=50, derandomize=True)
settings.register_profile("explore", _COMMON, max_examples=500)
settings.load_profile("relevo")
