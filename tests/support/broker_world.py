"""An organisation, a broker of its own and a way to call it, all real; no network.

The organisation signs with python-tuf directly (not with ``technician.org``), so that a test can
publish what an honest tool never would.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, SSlibKey
from starlette.types import ASGIApp
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Role, Root, TargetFile, Targets

from broker import setup
from broker.app import make_app
from broker.calls import Row
from broker.config import Config, load_config
from broker.context import Broker
from broker.routes import ROUTES
from broker.running import running
from broker.store import schema
from protocol import dsse, ids, layout
from protocol.api import EnrolRequest, Login, LoginChallenge, LoginRequest
from protocol.desk import Desk
from protocol.documents import Enrolment, EnrolmentToken, LoginProof
from protocol.organisation import (
    DEFAULT_POLICY,
    BrokerKeys,
    Customer,
    CustomerTier,
    Policy,
    Revoked,
    Roster,
    Technician,
)
from protocol.publication import Pairing, PairRequest, Publication, RepositoryFile
from protocol.scopes import Mode
from protocol.scopes import Role as Right
from protocol.sshkeys import KeySigner
from protocol.wire import from_json, to_json

URL = "wss://broker.test:8443"


def new_key() -> KeySigner:
    return KeySigner(Ed25519PrivateKey.generate())


def tuf_signer() -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.generate())


def person(id_: str, key: KeySigner, *roles: Right, tiers: Mapping[str, int] | None = None) -> Technician:
    return Technician(
        id=id_,
        name=id_.title(),
        keys=(key.public_key.text,),
        roles=roles,
        tiers=tuple(CustomerTier(customer=c, tier=t) for c, t in (tiers or {}).items()),
    )


@dataclass
class Org:
    """An organisation's offline side. Change the fields, then ``files()`` signs what they say."""

    pairing: Pairing
    root: CryptoSigner = field(default_factory=tuf_signer)
    targets: CryptoSigner = field(default_factory=tuf_signer)
    fixers: list[CryptoSigner] = field(default_factory=lambda: [tuf_signer(), tuf_signer()])
    keys: dict[str, KeySigner] = field(default_factory=dict)
    people: list[Technician] = field(default_factory=list)
    customers: list[str] = field(default_factory=lambda: ["acme", "globex"])
    policy: Policy = DEFAULT_POLICY
    revoked: Revoked = field(default_factory=Revoked)
    desk: Desk | None = None
    """Published only where a test sets it."""
    more: dict[str, bytes] = field(default_factory=dict)
    """Other targets of the top-level role, by path."""
    version: int = 1
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    first_root: bytes = b""
    broker_keys: BrokerKeys | None = None

    def __post_init__(self) -> None:
        self.add("ada", Right.ADMIN)
        self.add("toni", Right.TECHNICIAN, tiers={"acme": 1})
        self.add("gil", Right.TECHNICIAN, tiers={"globex": 2})
        self.add("olga", Right.AUDITOR)
        self.add("pia", Right.APPROVER)
        self.first_root = self.make_root(1, snapshot=self.root.public_key, timestamp=self.root.public_key)
        self.second_root = self.make_root(2)
        self.broker_keys = BrokerKeys(
            url=self.pairing.url,
            tls_sha256=(self.pairing.tls_sha256,),
            issuer_key=self.pairing.issuer_key,
            log_key=self.pairing.log_key,
        )

    def add(self, id_: str, *roles: Right, tiers: Mapping[str, int] | None = None) -> KeySigner:
        self.keys[id_] = new_key()
        self.people.append(person(id_, self.keys[id_], *roles, tiers=tiers))
        return self.keys[id_]

    @property
    def org(self) -> str:
        return ids.org_id(self.first_root)

    def make_root(
        self,
        version: int,
        *,
        signers: Iterable[CryptoSigner] | None = None,
        snapshot: SSlibKey | None = None,
        timestamp: SSlibKey | None = None,
        life: timedelta = timedelta(days=365),
    ) -> bytes:
        by_role = {
            "root": self.root.public_key,
            "targets": self.targets.public_key,
            "snapshot": snapshot or raw_key(self.pairing.snapshot_key),
            "timestamp": timestamp or raw_key(self.pairing.timestamp_key),
        }
        signed = Root(
            version=version,
            expires=(self.now + life).replace(microsecond=0),
            keys={key.keyid: key for key in by_role.values()},
            roles={name: Role([key.keyid], 1) for name, key in by_role.items()},
            consistent_snapshot=True,
        )
        return sign(Metadata(signed), *(signers if signers is not None else [self.root]))

    def documents(self) -> dict[str, bytes]:
        roster = Roster(
            org=self.org,
            name="Test",
            technicians=tuple(self.people),
            customers=tuple(Customer(id=c, name=c) for c in self.customers),
            broker=self.broker_keys,
        )
        desk = {} if self.desk is None else {layout.DESK: to_json(self.desk)}
        return {
            layout.ROSTER: to_json(roster),
            layout.POLICY: to_json(self.policy),
            layout.REVOKED: to_json(self.revoked),
            **desk,
            **self.more,
        }

    def make_targets(
        self, files: Mapping[str, bytes], *, version: int | None = None, life: timedelta = timedelta(days=30)
    ) -> bytes:
        keys = {signer.public_key.keyid: signer.public_key for signer in self.fixers}
        roles = {
            role.risk.value: DelegatedRole(
                role.risk.value, list(keys), role.threshold, True, paths=role.paths
            )
            for role in layout.FIX_ROLES
        }
        signed = Targets(
            version=version or self.version,
            expires=(self.now + life).replace(microsecond=0),
            targets=target_files(files),
            delegations=Delegations(keys, roles),
        )
        return sign(Metadata(signed), self.targets)

    def make_role(self, version: int, files: Mapping[str, bytes], *signers: CryptoSigner) -> bytes:
        signed = Targets(
            version=version,
            expires=(self.now + timedelta(days=30)).replace(microsecond=0),
            targets=target_files(files),
        )
        return sign(Metadata(signed), *signers)

    def files(self) -> dict[str, bytes]:
        """A whole publication of what the fields say, at ``version``."""
        documents = self.documents()
        return {
            "metadata/1.root.json": self.first_root,
            "metadata/2.root.json": self.second_root,
            f"metadata/{self.version}.targets.json": self.make_targets(documents),
            **stored(documents),
        }

    def next(self) -> dict[str, bytes]:
        self.version += 1
        return self.files()

    # --- what people and machines sign ---------------------------------------------------------

    def login_request(self, who: str, nonce: str, **changes: Any) -> LoginRequest:
        key = changes.pop("key", self.keys[who])
        proof = LoginProof(
            version=1,
            org=self.org,
            technician=who,
            nonce=nonce,
            tls_sha256=self.pairing.tls_sha256,
            at=self.now,
        )
        proof = msgspec.structs.replace(proof, **changes)
        return LoginRequest(key=key.public_key.text, proof=dsse.seal(proof, key))

    def token(self, signer: KeySigner | None = None, **changes: Any) -> EnrolmentToken:
        token = EnrolmentToken(
            version=1,
            token=ids.new_grant_id(),
            org=self.org,
            customer="acme",
            mode=Mode.ATTENDED,
            issued=self.now - timedelta(minutes=1),
            expires=self.now + timedelta(hours=1),
        )
        return msgspec.structs.replace(token, **changes)

    def enrol_request(
        self,
        token: EnrolmentToken,
        machine: KeySigner | None = None,
        /,
        signer: KeySigner | None = None,
        **changes: Any,
    ) -> EnrolRequest:
        machine = machine or new_key()
        enrolment = Enrolment(
            version=1,
            token=token.token,
            org=self.org,
            agent=ids.agent_id(machine.public_key.blob),
            agent_key=machine.public_key.text,
            hostname="desk-1",
            platform="Linux",
            at=self.now,
        )
        enrolment = msgspec.structs.replace(enrolment, **changes)
        return EnrolRequest(
            token=dsse.seal(token, signer or self.keys["ada"]), enrolment=dsse.seal(enrolment, machine)
        )


def raw_key(public_hex: str) -> SSlibKey:
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex)))


def sign(metadata: Metadata[Any], *signers: CryptoSigner) -> bytes:
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def target_files(files: Mapping[str, bytes]) -> dict[str, TargetFile]:
    return {path: TargetFile.from_data(path, data, ["sha256"]) for path, data in files.items()}


def stored(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Target files under the names of a consistent snapshot."""
    return {
        "targets/" + layout.hash_prefixed(path, hashlib.sha256(data).hexdigest()): data
        for path, data in files.items()
    }


def publication(files: Mapping[str, bytes]) -> Publication:
    return Publication(files=tuple(RepositoryFile(path=p, content=c) for p, c in files.items()))


class Clock:
    """The broker's clock, moved by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["code"])


@dataclass
class World:
    broker: Broker
    org: Org
    clock: Clock
    rows: tuple[Row, ...] = ROUTES
    _app: tuple[Broker, tuple[Row, ...], ASGIApp] | None = None

    @property
    def app(self) -> ASGIApp:
        """The whole application, made once and again after ``broker`` or ``rows`` were set."""
        if self._app is None or self._app[0] is not self.broker or self._app[1] is not self.rows:
            self._app = (self.broker, self.rows, make_app(self.broker, self.rows))
        return self._app[2]

    async def call(
        self,
        method: str,
        path: str,
        body: object | bytes | None = None,
        token: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        source: str = "192.0.2.1",
    ) -> Answer:
        """One HTTP request through the whole application."""
        data = body if isinstance(body, bytes) else b"" if body is None else to_json(body)
        path, _, query = path.partition("?")
        sent = {"content-length": str(len(data)), **(headers or {})}
        if token:
            sent["authorization"] = f"Bearer {token}"
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
            "client": (source, 50_000),
            "server": ("broker.test", 8443),
            "extensions": {},
        }
        return await asgi(self.app, scope, [data])

    async def upgrade(self, path: str, token: str | None = None, *, source: str = "192.0.2.1") -> Answer:
        """A WebSocket handshake that the guard should refuse; the HTTP answer to it."""
        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "scheme": "wss",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": (source, 50_000),
            "server": ("broker.test", 8443),
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
        }
        return await asgi(self.app, scope, [])

    async def login(self, who: str) -> str:
        """A bearer token."""
        challenge = from_json((await self.call("POST", "/v1/auth/challenge")).body, LoginChallenge)
        answer = await self.call("POST", "/v1/auth/login", self.org.login_request(who, challenge.nonce))
        assert answer.status == 200, answer.body
        return from_json(answer.body, Login).token

    async def publish(self, files: Mapping[str, bytes], token: str) -> Answer:
        return await self.call("POST", "/v1/org/publish", publication(files), token)

    async def audit(self, token: str, query: str = "count=1000") -> list[dict[str, Any]]:
        """The records of the log, decoded."""
        answer = await self.call("GET", f"/v1/audit/entries?{query}", token=token)
        assert answer.status == 200, answer.body
        return [json.loads(base64.b64decode(e["record"])) for e in answer.json["entries"]]


async def asgi(app: Any, scope: dict[str, Any], chunks: list[bytes]) -> Answer:
    inbox = [
        {"type": "http.request", "body": chunk, "more_body": i + 1 < len(chunks)}
        for i, chunk in enumerate(chunks)
    ]
    if scope["type"] == "websocket":
        inbox = [{"type": "websocket.connect"}]
    status, headers, body = 0, {}, bytearray()

    async def receive() -> dict[str, Any]:
        if inbox:
            return inbox.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal status, headers
        if message["type"].endswith("response.start"):
            status = message["status"]
            headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
        elif message["type"].endswith("response.body"):
            body.extend(message.get("body", b""))
        elif message["type"] == "websocket.accept":
            status = 101
        elif message["type"] == "http.response.pathsend":
            body.extend(Path(message["path"]).read_bytes())

    async with asyncio.timeout(20):
        await app(scope, receive, send)
    return Answer(status, headers, bytes(body))


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        schema.upgrade(f"sqlite:///{path}")
        return path.read_bytes()


def empty_database(path: Path) -> str:
    """The URL of a new database at the newest schema: a copy, as every migration runs once a process."""
    path.touch(0o600)
    path.write_bytes(_migrated())
    return f"sqlite:///{path}"


def new_broker(folder: Path) -> tuple[Config, Pairing]:
    """What ``relevo-broker init`` makes; it finds the database there, as after a run that was cut short."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    empty_database(folder / "broker.db")
    pairing = setup.init(folder, URL, datetime.now(UTC))
    return load_config(folder), pairing


@asynccontextmanager
async def unpaired(folder: Path) -> AsyncIterator[World]:
    """A fresh broker that serves no organisation yet."""
    config, pairing = new_broker(folder)
    org = Org(pairing)
    clock = Clock(org.now)
    async with running(config, clock) as broker:
        yield World(broker, org, clock)


@asynccontextmanager
async def paired(folder: Path) -> AsyncIterator[World]:
    """A broker that serves ``Org``."""
    async with unpaired(folder) as world:
        request = PairRequest(secret=world.org.pairing.secret, publication=publication(world.org.files()))
        answer = await world.call("POST", "/v1/org/pair", request)
        assert answer.status == 200, answer.body
        yield world


@asynccontextmanager
async def restarted(folder: Path, org: Org, clock: Clock) -> AsyncIterator[World]:
    """The broker of ``folder`` once more."""
    async with running(load_config(folder), clock) as broker:
        yield World(broker, org, clock)


async def by_hand(*keepers: str) -> None:
    """These tasks of the running broker (by name) look no more by themselves: only the test does.

    A test that counts what one look did, or that stands between two looks, must call this before.
    """
    tasks = [task for task in asyncio.all_tasks() if task.get_name() in keepers]
    assert len(tasks) == len(keepers), keepers
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
