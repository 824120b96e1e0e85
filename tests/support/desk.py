"""A broker served over TLS on loopback, machines with real keys on real links, and legs of the relay.

The machines here speak the protocol themselves, so that they can also speak it wrongly.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from broker import tls
from broker.serving import _uvicorn
from protocol import ids, link
from protocol.api import Leg, RelayHello, RelayReady, SessionRequest, TicketNew
from protocol.audit import Action
from protocol.documents import (
    ArtifactManifest,
    Basis,
    Consent,
    Grant,
    HelpRequest,
    JournalEntry,
    LinkProof,
    Refusal,
    UserReply,
)
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import Code
from protocol.scopes import Clearance, Mode, Scope
from protocol.sshkeys import KeySigner
from protocol.wire import Fact, from_json, from_msgpack, to_json, to_msgpack
from tests.support.broker_world import Answer, World, new_key, paired

M = TypeVar("M")
DEADLINE_S = 60.0


@dataclass
class Machine:
    """An enrolled machine; what it signs can be changed by keyword before it is signed."""

    key: KeySigner
    customer: str = "acme"
    sequence: int = 0
    previous: str = "0" * 64

    @property
    def agent(self) -> str:
        return ids.agent_id(self.key.public_key.blob)

    def hello(
        self,
        fresh: str,
        pin: str,
        /,
        *,
        sessions: tuple[str, ...] = (),
        signer: KeySigner | None = None,
        **changes: Any,
    ) -> link.Hello:
        proof = LinkProof(version=1, agent=self.agent, nonce=fresh, tls_sha256=pin)
        return link.Hello(
            agent=self.agent,
            key=self.key.public_key.text,
            proof=seal(msgspec.structs.replace(proof, **changes), signer or self.key),
            version="0.1.0",
            platform="Linux",
            sessions=sessions,
        )

    def ask(self, text: str, now: datetime, **changes: Any) -> Envelope:
        request = HelpRequest(
            version=1, agent=self.agent, nonce=ids.new_nonce(), text=text, urgency=2, language="es", at=now
        )
        return seal(msgspec.structs.replace(request, **changes), self.key)

    def reply(self, ticket: str, text: str, now: datetime) -> Envelope:
        said = UserReply(version=1, agent=self.agent, nonce=ids.new_nonce(), ticket=ticket, text=text, at=now)
        return seal(said, self.key)

    def consent(
        self, grant: Envelope, now: datetime, *, signer: KeySigner | None = None, **changes: Any
    ) -> Envelope:
        asked = from_json(grant.payload, Grant)
        consent = Consent(
            version=1,
            grant=asked.grant,
            grant_sha256=grant.digest,
            agent=self.agent,
            agent_key=self.key.public_key.text,
            scopes=asked.scopes,
            given=now,
            until=asked.ends,
            basis=Basis(act="user", channel="command"),
        )
        return seal(msgspec.structs.replace(consent, **changes), signer or self.key)

    def refusal(self, grant: Envelope, code: Code, now: datetime) -> Envelope:
        asked = from_json(grant.payload, Grant)
        refusal = Refusal(
            version=1,
            grant=asked.grant,
            grant_sha256=grant.digest,
            agent=self.agent,
            at=now,
            code=code.value,
        )
        return seal(refusal, self.key)

    def entry(
        self,
        action: Action,
        now: datetime,
        *,
        keep: bool = True,
        signer: KeySigner | None = None,
        **changes: Any,
    ) -> Envelope:
        """The next entry of the machine's journal; ``keep=False`` forgets that it was made."""
        entry = JournalEntry(
            version=1,
            agent=self.agent,
            sequence=self.sequence + 1,
            previous=self.previous,
            at=now,
            action=action,
            grant=None,
            ticket=None,
            facts=(Fact(key="what", value="test"),),
        )
        entry = msgspec.structs.replace(entry, **changes)
        envelope = seal(entry, signer or self.key)
        if keep:
            self.sequence, self.previous = entry.sequence, envelope.digest
        return envelope

    def manifest(self, for_: Grant, content: bytes, now: datetime, /, **changes: Any) -> ArtifactManifest:
        manifest = ArtifactManifest(
            version=1,
            artifact=ids.new_artifact_id(),
            agent=self.agent,
            grant=for_.grant,
            ticket=for_.ticket,
            kind="bundle",
            name="bundle.json",
            clearance=Clearance.R1,
            sealed=False,
            media_type="application/json",
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            made=now,
        )
        return msgspec.structs.replace(manifest, **changes)


@dataclass
class Control:
    """One control link, from the machine's side."""

    socket: ClientConnection
    machine: Machine
    welcome: link.Welcome | None = None
    inbox: list[Any] = field(default_factory=list)

    async def send(self, message: link.FromAgent | bytes | str) -> None:
        await self.socket.send(message if isinstance(message, (bytes, str)) else to_msgpack(message))

    async def next(self) -> Any:
        async with asyncio.timeout(DEADLINE_S):
            return from_msgpack(await self.socket.recv(), link.FromBroker)

    async def expect(self, kind: type[M]) -> M:
        """The next message of this kind; others are passed over."""
        while True:
            message = await self.next()
            if isinstance(message, kind):
                return message

    async def closed(self) -> int | None:
        """The close code, once the broker has closed the link."""
        async with asyncio.timeout(DEADLINE_S):
            await self.socket.wait_closed()
        return self.socket.close_code

    async def alive(self) -> bool:
        await self.send(link.Ping())
        await self.expect(link.Pong)
        return True


@dataclass
class Desk:
    """The served broker."""

    world: World
    port: int
    context: ssl.SSLContext
    server: uvicorn.Server

    @property
    def now(self) -> datetime:
        return self.world.clock.now

    @property
    def pin(self) -> str:
        return self.world.broker.identity.tls_sha256

    async def call(
        self, method: str, path: str, body: object = None, token: str | None = None, **more: Any
    ) -> Answer:
        return await self.world.call(method, path, body, token, **more)

    # --- machines ------------------------------------------------------------------------------

    async def enrol(self, customer: str = "acme", **changes: Any) -> Machine:
        machine = Machine(new_key(), customer)
        token = self.world.org.token(customer=customer, **changes)
        answer = await self.call("POST", "/v1/enrol", self.world.org.enrol_request(token, machine.key))
        assert answer.status == 200, answer.body
        return machine

    @asynccontextmanager
    async def socket(self, path: str) -> AsyncIterator[ClientConnection]:
        async with connect(
            f"wss://127.0.0.1:{self.port}{path}",
            ssl=self.context,
            compression=None,
            proxy=None,
            max_size=2 << 20,
            ping_interval=None,
            close_timeout=1,
        ) as socket_:
            yield socket_

    @asynccontextmanager
    async def link(self, machine: Machine, **changes: Any) -> AsyncIterator[Control]:
        """A link that said hello; ``welcome`` is None if the broker did not welcome it."""
        async with self.socket("/v1/agent") as socket_:
            control = Control(socket_, machine)
            challenge = await control.expect(link.Challenge)
            await control.send(machine.hello(challenge.nonce, changes.pop("pin", self.pin), **changes))
            answer = await control.next()
            if isinstance(answer, link.Welcome):
                control.welcome = answer
                await self.until(lambda: self.world.broker.presence.online(machine.agent))
            else:
                control.inbox.append(answer)
            yield control

    # --- technicians ---------------------------------------------------------------------------

    async def ticket(self, machine: Machine, who: str = "toni") -> str:
        """A ticket about the machine, taken by the technician."""
        token = await self.world.login(who)
        answer = await self.call(
            "POST", "/v1/tickets", TicketNew(title="No imprime", agent=machine.agent), token
        )
        assert answer.status == 200, answer.body
        ticket: str = answer.json["ticket"]
        taken = await self.call("POST", f"/v1/tickets/{ticket}/take", b"{}", token)
        assert taken.status == 200, taken.body
        return ticket

    def grant(self, machine: Machine, ticket: str, who: str = "toni", **changes: Any) -> Grant:
        grant = Grant(
            version=1,
            org=self.world.org.org,
            grant=ids.new_grant_id(),
            ticket=ticket,
            customer=machine.customer,
            agent=machine.agent,
            technician=who,
            technician_key=self.world.org.keys[who].public_key.text,
            scopes=(Scope.DIAGNOSE, Scope.LOGS),
            reason="la impresora no responde",
            issued=self.now,
            establish_by=self.now + timedelta(minutes=3),
            ends=self.now + timedelta(minutes=30),
            mode=Mode.ATTENDED,
        )
        return msgspec.structs.replace(grant, **changes)

    async def request(self, grant: Grant, who: str = "toni", signer: KeySigner | None = None) -> Answer:
        envelope = seal(grant, signer or self.world.org.keys[who])
        return await self.send_request(envelope, who)

    async def send_request(self, envelope: Envelope, who: str = "toni") -> Answer:
        token = await self.world.login(who)
        return await self.call("POST", "/v1/sessions", SessionRequest(grant=envelope), token)

    async def consented(
        self, control: Control, ticket: str, who: str = "toni", **changes: Any
    ) -> tuple[Grant, Envelope]:
        """A session that the user agreed to, and its grant with both signatures."""
        grant = self.grant(control.machine, ticket, who, **changes)
        answer = await self.request(grant, who)
        assert answer.status == 200, answer.body
        offer = await control.expect(link.Offer)
        await control.send(link.OfferShown(grant=grant.grant))
        await control.send(
            link.ConsentGiven(grant=grant.grant, consent=control.machine.consent(offer.grant, self.now))
        )
        token = await self.world.login(who)
        granted = await self.call("GET", f"/v1/sessions/{grant.grant}/consent?wait=20", token=token)
        assert granted.status == 200, granted.body
        return grant, offer.grant

    async def leg(self, control: Control, grant: Grant, who: str = "toni") -> tuple[str, str]:
        """The tokens of a new leg: the technician's and the agent's."""
        token = await self.world.login(who)
        answer = await self.call("POST", f"/v1/sessions/{grant.grant}/legs", b"{}", token)
        assert answer.status == 200, answer.body
        join = await control.expect(link.Join)
        leg = from_json(answer.body, Leg)
        assert (join.leg, join.grant) == (leg.leg, leg.grant)
        return leg.token, join.token

    @asynccontextmanager
    async def attach(self, token: str) -> AsyncIterator[tuple[ClientConnection, str | None]]:
        """A leg's socket and the next token; None where the relay refused."""
        async with self.socket("/v1/relay") as socket_:
            await socket_.send(to_json(RelayHello(token=token)).decode())
            answer = None
            with suppress(Exception):
                async with asyncio.timeout(DEADLINE_S):
                    answer = await socket_.recv()
            yield socket_, from_json(answer, RelayReady).next_token if isinstance(answer, str) else None

    async def upload(
        self, machine: Machine, manifest: ArtifactManifest, content: bytes, signer: KeySigner | None = None
    ) -> Answer:
        envelope = seal(manifest, signer or machine.key)
        header = base64.urlsafe_b64encode(to_json(envelope)).decode()
        return await self.call("PUT", "/v1/artifacts", content, headers={"relevo-manifest": header})

    # --- looking -------------------------------------------------------------------------------

    async def actions(self) -> list[str]:
        """Every action of the log so far."""
        return [record["action"] for record in await self.records()]

    async def records(self, action: str | None = None) -> list[dict[str, Any]]:
        found = await self.world.audit(await self.world.login("olga"))
        return [record for record in found if action in (None, record["action"])]

    async def until(self, true: Any) -> None:
        """Wait for something that happens by itself."""
        async with asyncio.timeout(DEADLINE_S):
            while not true():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """A paired broker, served."""
    async with paired(folder) as world, served(world) as made:
        yield made


@asynccontextmanager
async def served(world: World) -> AsyncIterator[Desk]:
    """The world's broker behind the same server settings as ``relevo-broker serve``."""
    config = world.broker.config
    context = tls.server_context(config.certificate, config.certificate_key)
    with socket.create_server(("127.0.0.1", 0), backlog=2_048) as listener:
        server = _Quiet(_uvicorn(world.broker, context))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.005)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        try:
            yield Desk(world, listener.getsockname()[1], client, server)
        finally:
            world.broker.drain.begin()
            server.should_exit = True
            await task


class _Quiet(uvicorn.Server):
    """Leaves the test process's signals alone."""

    def capture_signals(self) -> Any:
        return nullcontext()
