"""``about``: who is on the other side, until when, and what may be asked."""

from __future__ import annotations

from agent.actions.context import Emit, Session
from agent.collectors import COLLECTORS
from protocol import VERSION, assist


async def run(_request: assist.About, session: Session, emit: Emit) -> None:
    await emit(
        assist.AboutAgent(
            version=VERSION,
            at=session.now(),
            ends=session.consent.until,
            scopes=tuple(session.consent.scopes),
            collectors=tuple(sorted(COLLECTORS)),
        )
    )
