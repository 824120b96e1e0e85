"""Worlds that tests of one module share; each is a whole Relevo in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.evil.broker import EvilWorld, Honest, honest
from tests.support.world import Person


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvilWorld]:
    """An organisation with two customers, behind a turned broker that is honest until told otherwise."""
    evil = EvilWorld(tmp_path_factory.mktemp("evil"))
    try:
        evil.found(customers=("acme", "globex"))
        yield evil
    finally:
        evil.close()


@pytest.fixture(scope="module")
def ana(world: EvilWorld) -> Person:
    return world.technician("ana", tier=2)


@pytest.fixture(scope="module")
def bystander(world: EvilWorld, ana: Person) -> Honest:
    """Somebody else's session that every attack has to leave alone."""
    return honest(world, ana)
