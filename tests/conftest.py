"""What every test shares: how long generated examples go on."""

from __future__ import annotations

from hypothesis import settings

# Figures of time have no place in a test (a deadline an example is one), and every push draws new examples.
settings.register_profile("relevo", max_examples=50, deadline=None)
settings.load_profile("relevo")
