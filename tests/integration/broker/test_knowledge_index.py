"""The index after an upgrade, a restart and a backup: what was published is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from broker.knowledge import index
from broker.store.engine import Tx
from tests.support.broker_world import restarted
from tests.support.knowledge_world import Desk, knowledge_desk


def _spoil(tx: Tx) -> None:
    """As stemmers that cut words otherwise would have left it."""
    for language in ("en", "es"):
        tx.conn.execute(text(f"update article_index_{language} set title = 'x', symptoms = '', body = ''"))


async def test_another_release_of_the_stemmers_indexes_anew_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with knowledge_desk(tmp_path) as desk:
        article = await desk.publish()
        draft = await desk.write("dos")
        await desk.world.broker.store.write(_spoil)
        assert await desk.found("toni", "impresoras") == []
        org, clock = desk.world.org, desk.world.clock
    async with restarted(tmp_path, org, clock) as world:
        assert await Desk(world).found("toni", "impresoras") == [], "the same stemmers: nothing to do"
    monkeypatch.setattr(index, "_SHAPE", 2)
    async with restarted(tmp_path, org, clock) as world:
        assert await Desk(world).found("toni", "impresoras") == [article]
        assert draft not in await Desk(world).found("dos", "impresoras")
        assert await index.refresh(world.broker) == 0
