"""The one table of what can be asked inside a session. Nothing outside it exists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agent.actions import about, diagnose, fix, logs, screenshot
from agent.actions.context import Emit, Session
from protocol import assist
from protocol.scopes import Scope


@dataclass(frozen=True)
class Action:
    """One kind of request.

    Attributes:
        scope: what the user must have granted; None is allowed in every session.
        run: does it. Typed per request by the table below.
        deadline_s: longest time one request may take.
    """

    scope: Scope | None
    run: Callable[..., Awaitable[None]]
    deadline_s: float


ACTIONS: dict[type[assist.Request], Action] = {
    assist.About: Action(None, about.run, 10),
    assist.Diagnose: Action(Scope.DIAGNOSE, diagnose.run, 300),
    assist.Logs: Action(Scope.LOGS, logs.run, 4 * 3600),
    assist.Screenshot: Action(Scope.SCREENSHOT, screenshot.run, 60),
    assist.FixPlan: Action(Scope.FIX, fix.plan, 300),
    assist.FixRun: Action(Scope.FIX, fix.run, 4 * 3600),
    assist.FixUndoPlan: Action(Scope.FIX, fix.undo_plan, 300),
    assist.FixStates: Action(Scope.FIX, fix.states, 30),
}

OFFERED: frozenset[Scope] = frozenset({Scope.DIAGNOSE, Scope.LOGS, Scope.SCREENSHOT, Scope.FIX, Scope.FILES})
"""Scopes that this agent can serve; asking for another is refused before the user is bothered."""

__all__ = ["ACTIONS", "OFFERED", "Action", "Emit", "Session"]
