"""Broker memory for each idle agent: 1,000 links with real keys and the real protocol, beside bare uvicorn."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.bare import bare_server
from benchmarks.lab import Lab
from benchmarks.measure import Row
from protocol import ids, link
from protocol.api import Enrolled, EnrolRequest
from protocol.documents import PROTOCOL_VERSION, Enrolment, EnrolmentToken, LinkProof
from protocol.drivers.http import BrokerHttp
from protocol.drivers.tls import certificate_sha256, pinned_context
from protocol.dsse import seal
from protocol.enrolment import TokenFile
from protocol.envelope import Envelope
from protocol.scopes import Mode
from protocol.sshkeys import KeySigner
from protocol.wire import from_json, from_msgpack
from technician.home import load_config
from technician.keys import load_signer
from tests.support.world import World

AGENTS = 1_000
WARM = 50
AT_ONCE = 40
SETTLE_S = 2.0


@dataclass(frozen=True)
class Simulated:
    """An enrolled agent without a machine."""

    signer: KeySigner
    id: str


def measure(lab: Lab) -> list[Row]:
    world = World(lab.folder / "idle-world")
    try:
        world.found(fixes=False)
        ours, answer = _ours(world)
    finally:
        world.close()
    with bare_server(lab.folder / "bare-links") as bare:
        limit = asyncio.run(_bare(bare.port, bare.pid))
    note = (
        f"memory that {AGENTS} links added after {WARM} were there, over {AGENTS}; every agent then answered "
        f"a ping within {answer * 1e3:.0f} ms"
    )
    name = "bare uvicorn + uvloop TLS WebSocket (the limit)"
    return [
        Row("broker per idle agent", ours, limit, name, "KiB", AGENTS, 0.0, "<= 64 KiB", ours <= 64, note)
    ]


# --- ours --------------------------------------------------------------------------------------


def _ours(world: World) -> tuple[float, float]:
    token = from_json(world.token().read_bytes(), TokenFile)
    admin = load_signer(load_config(world.admin.home).key)
    http = BrokerHttp(token.url, token.tls_sha256)
    agents = [_enrol(http, token, admin) for _ in range(AGENTS + WARM)]
    assert world.broker is not None
    return asyncio.run(_links(token, agents, world.broker.process.pid))


def _enrol(http: BrokerHttp, file: TokenFile, admin: object) -> Simulated:
    """Through the API, as ``relevo-agent enrol`` does, without its look at the repository."""
    signer = KeySigner.from_seed(secrets.token_bytes(32))
    agent = ids.agent_id(signer.public_key.blob)
    now = datetime.now(UTC)
    token = EnrolmentToken(
        version=PROTOCOL_VERSION,
        token=secrets.token_hex(16),
        org=file.org,
        customer="acme",
        mode=Mode.ATTENDED,
        issued=now,
        expires=now + timedelta(hours=1),
    )
    enrolment = Enrolment(
        version=PROTOCOL_VERSION,
        token=token.token,
        org=file.org,
        agent=agent,
        agent_key=signer.public_key.text,
        hostname="simulated",
        platform="Linux",
        at=now,
    )
    sealed: Envelope = seal(token, admin)  # type: ignore[arg-type]
    http.post_json("/v1/enrol", EnrolRequest(token=sealed, enrolment=seal(enrolment, signer)), Enrolled)
    return Simulated(signer, agent)


async def _links(file: TokenFile, agents: list[Simulated], pid: int) -> tuple[float, float]:
    context = pinned_context(file.tls_sha256)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(agent: Simulated) -> ClientConnection:
        async with gate:
            return await _link(file.url, context, agent)

    sockets = await asyncio.gather(*map(one, agents[:WARM]))
    await _ping_all(sockets)
    await asyncio.sleep(SETTLE_S)
    before = rss_kib(pid)
    sockets += await asyncio.gather(*map(one, agents[WARM:]))
    slowest = await _ping_all(sockets)
    await asyncio.sleep(SETTLE_S)
    added = (rss_kib(pid) - before) / AGENTS
    for socket in sockets:
        socket.transport.abort()
    return added, slowest


async def _link(url: str, context: ssl.SSLContext, agent: Simulated) -> ClientConnection:
    socket = await connect(
        f"{url}/v1/agent", ssl=context, compression=None, ping_interval=None, proxy=None, max_queue=4
    )
    challenge: link.Challenge = from_msgpack(await socket.recv(), link.FromBroker)  # type: ignore[arg-type]
    proof = LinkProof(
        version=PROTOCOL_VERSION,
        agent=agent.id,
        nonce=challenge.nonce,
        tls_sha256=certificate_sha256(socket.transport.get_extra_info("ssl_object")),
    )
    hello = link.Hello(
        agent=agent.id,
        key=agent.signer.public_key.text,
        proof=seal(proof, agent.signer),
        version="bench",
        platform="Linux",
        sessions=(),
    )
    await socket.send(msgspec.msgpack.encode(hello))
    answer = from_msgpack(await socket.recv(), link.FromBroker)  # type: ignore[arg-type]
    if not isinstance(answer, link.Welcome):
        raise TypeError(f"not welcome: {answer}")
    return socket


async def _ping_all(sockets: list[ClientConnection]) -> float:
    """Every link asks once; the slowest answer, seconds."""

    async def one(socket: ClientConnection) -> float:
        began = time.perf_counter()
        await socket.send(msgspec.msgpack.encode(link.Ping()))
        await socket.recv()
        return time.perf_counter() - began

    return max(await asyncio.gather(*map(one, sockets)))


# --- the limit -----------------------------------------------------------------------------------


async def _bare(port: int, pid: int) -> float:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> ClientConnection:
        async with gate:
            socket = await connect(
                f"wss://127.0.0.1:{port}/", ssl=context, compression=None, ping_interval=None, proxy=None
            )
            await socket.send(b"x" * 20)
            await socket.recv()
            return socket

    sockets = await asyncio.gather(*(one() for _ in range(WARM)))
    await asyncio.sleep(SETTLE_S)
    before = rss_kib(pid)
    sockets += await asyncio.gather(*(one() for _ in range(AGENTS)))
    await asyncio.sleep(SETTLE_S)
    added = (rss_kib(pid) - before) / AGENTS
    for socket in sockets:
        socket.transport.abort()
    return added


def rss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("no VmRSS")
