"""The running broker as one frozen value that is passed to whatever needs it. There are no globals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from broker.artifact_files import Uploads
from broker.config import Config
from broker.conversation.bells import News, Streams
from broker.doorstep import Doorstep
from broker.keys import Identity
from broker.left_out import RefusalBook
from broker.limits import SourceLimiter
from broker.looking import Looking
from broker.metrics import Metrics
from broker.nonces import Nonces
from broker.organisation import OrganisationState
from broker.presence import Links
from broker.relay import Relay
from broker.reports.gate import Gate
from broker.sessions.live import LiveSessions
from broker.sla.promises import PromiseBook
from broker.store.engine import Store

if TYPE_CHECKING:
    from broker.repository import Repository
    from broker.sla.notices import NoticeHook


class Drain:
    """Whether the broker is going down, and whom to tell."""

    def __init__(self) -> None:
        self.active = False
        self.listeners: list[Callable[[], None]] = []

    def begin(self) -> None:
        """Tell every listener once; on the event loop."""
        if self.active:
            return
        self.active = True
        for listener in self.listeners:
            listener()


@dataclass(frozen=True)
class Broker:
    config: Config
    identity: Identity
    clock: Callable[[], datetime]
    store: Store
    organisation: OrganisationState
    repository: Repository
    presence: Links
    """Which agents have a control link right now."""
    metrics: Metrics
    nonces: Nonces = field(default_factory=Nonces)
    limiter: SourceLimiter = field(default_factory=SourceLimiter)
    refusals: RefusalBook = field(default_factory=RefusalBook)
    drain: Drain = field(default_factory=Drain)
    sessions: LiveSessions = field(default_factory=LiveSessions)
    relay: Relay = field(default_factory=Relay)
    doorstep: Doorstep = field(default_factory=Doorstep)
    uploads: Uploads = field(default_factory=Uploads)
    looking: Looking = field(default_factory=Looking)
    trends_came: asyncio.Event = field(default_factory=asyncio.Event)
    """Machines told about themselves, and nobody has made forecasts of it yet."""
    bundles_came: asyncio.Event = field(default_factory=asyncio.Event)
    """Diagnoses were stored, and nobody has compared them with the known errors yet."""
    news: News = field(default_factory=News)
    """Bells of whoever follows tickets."""
    streams: Streams = field(default_factory=Streams)
    promises: PromiseBook = field(default_factory=PromiseBook)
    """What the published desk promises, ready to compute with."""
    reporting: Gate = field(default_factory=Gate)
    on_notice: list[NoticeHook] = field(default_factory=list)
    """Who passes on that a target's time runs out: mail, webhooks."""
