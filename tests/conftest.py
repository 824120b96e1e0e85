"""What every test shares: how long generated examples go on."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Figures of time have no place in a test: neither a deadline an example nor how long they take to draw. Worlds
# of a fixture are meant to be shared by the examples. Every push draws new ones.
settings.register_profile(
    "relevo",
    max_examples=50,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.function_scoped_fixture),
)
settings.load_profile("relevo")
