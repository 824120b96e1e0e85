"""Open sessions for tests: real keys, grants and consents, both ends of a relay leg, a small agent."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from protocol.assist import (
    About,
    Chunk,
    Completed,
    Diagnose,
    Failed,
    Logs,
    Progress,
    Request,
    Screenshot,
)
from protocol.documents import Basis, Consent, Grant
from protocol.drivers.assist import AssistConnection, AssistServing, connect_assist, serve_assist
from protocol.drivers.assistchannel import AssistChannel
from protocol.drivers.leg import LegAddress, LegTunnel
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id, new_grant_id
from protocol.scopes import Mode, Scope
from protocol.sshkeys import KeySigner, PublicKey, Signer
from protocol.wire import from_msgpack, to_msgpack
from tests.support.relay import Relay

BULK = bytes(range(256)) * 1_000


def new_key() -> KeySigner:
    return KeySigner.from_seed(secrets.token_bytes(32))


def write_key(path: Path, signer: KeySigner, passphrase: bytes | None = None) -> Path:
    """The private key as ``ssh-keygen`` writes it, with ``.pub`` beside it."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    path.write_bytes(
        signer.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption
        )
    )
    path.chmod(0o600)
    path.with_name(path.name + ".pub").write_text(signer.public_key.text + " test\n")
    return path


@dataclass
class SmallAgent:
    """Answers a few requests; counts what it served and what was cancelled."""

    requests: list[Request] = field(default_factory=list)
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, channel: AssistChannel) -> None:
        body = await channel.receive()
        if body is None:
            return
        request: Request = from_msgpack(body, Request)
        self.requests.append(request)
        self.started.set()
        if isinstance(request, About):
            await self._say(channel, Progress(step="about"))
        elif isinstance(request, Diagnose):
            for number in range(40):
                await self._say(channel, Chunk(data=BULK[number:] + BULK[:number]))
        elif isinstance(request, Logs):
            await self._follow(channel)
        elif isinstance(request, Screenshot):
            raise RelevoError(Code.SCOPE_NOT_GRANTED, "screenshot")
        await self._say(channel, Completed())

    async def _follow(self, channel: AssistChannel) -> None:
        """Says one thing and then waits until nobody listens any more."""
        await self._say(channel, Progress(step="following"))
        try:
            await channel.receive()
        except RelevoError as error:
            if error.code is Code.INTERRUPTED:
                self.interrupted.set()
            raise

    @staticmethod
    async def _say(channel: AssistChannel, event: Progress | Chunk | Completed | Failed) -> None:
        await channel.send(to_msgpack(event))


@dataclass
class Opened:
    agent: AssistServing
    technician: AssistConnection


@asynccontextmanager
async def open_session(
    relay: Relay,
    agent: SmallAgent,
    *,
    user: str = "0" * 32,
    key: Signer | None = None,
    host: KeySigner | None = None,
    **leg_settings: object,
) -> AsyncIterator[Opened]:
    """Both ends, logged in."""
    key, host = key or new_key(), host or new_key()
    here, there = relay.new_leg()
    serving = asyncio.create_task(
        serve_assist(
            LegTunnel(here, **leg_settings),  # type: ignore[arg-type]
            user=user,
            technician_key=key.public_key,
            host_key=host,
            handle=agent.handle,
        )
    )
    connection = await connect_assist(
        LegTunnel(there, **leg_settings),  # type: ignore[arg-type]
        user=user,
        key=key,
        host_key=host.public_key,
    )
    opened = Opened(await serving, connection)
    # As a worker and a holder do: somebody waits for the end at all times.
    waiting = [asyncio.create_task(end.wait_closed()) for end in (opened.agent, opened.technician)]
    try:
        yield opened
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@dataclass
class Papers:
    """A grant and its consent."""

    grant: Grant
    grant_envelope: Envelope
    consent: Consent
    consent_envelope: Envelope
    host_key: PublicKey


def papers(
    technician: Signer, machine: KeySigner, *, minutes: float = 30, consent_by: KeySigner | None = None
) -> Papers:
    now = datetime.now(UTC)
    grant = Grant(
        version=1,
        org="org-" + "a" * 32,
        grant=new_grant_id(),
        ticket="T-1",
        customer="acme",
        agent=agent_id(machine.public_key.blob),
        technician="ana",
        technician_key=technician.public_key.text,
        scopes=(Scope.DIAGNOSE, Scope.LOGS),
        reason="printer is offline",
        issued=now,
        establish_by=now + timedelta(seconds=60),
        ends=now + timedelta(minutes=minutes),
        mode=Mode.ATTENDED,
    )
    envelope = seal(grant, technician)
    signer = consent_by or machine
    consent = Consent(
        version=1,
        grant=grant.grant,
        grant_sha256=envelope.digest,
        agent=grant.agent,
        agent_key=signer.public_key.text,
        scopes=grant.scopes,
        given=now,
        until=grant.ends,
        basis=Basis(act="user", channel="command"),
    )
    return Papers(grant, envelope, consent, seal(consent, signer), machine.public_key)


def address_of(relay: Relay, address: LegAddress, token: str) -> LegAddress:
    """The same place with another token."""
    return LegAddress(address.url, token, relay.pin)
