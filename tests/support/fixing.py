"""An organisation with real keys, a session with real papers, and a desk over fixes held in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from agent.fixes.checks import Machine
from agent.fixes.desk import Desk
from agent.fixes.gate import Credentials
from agent.fixes.runs import Run
from protocol import ids
from protocol.assist import FixPlan, FixRun, FixUndoPlan, Parameter, Planned
from protocol.documents import PROTOCOL_VERSION, Basis, Consent, FixRequest, Grant
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.fixes import manifest_json, parse_manifest
from protocol.layout import FixRef, is_revoked, manifest_path
from protocol.organisation import (
    DEFAULT_POLICY,
    BrokerKeys,
    Customer,
    CustomerTier,
    Organisation,
    Revoked,
    Roster,
    Technician,
)
from protocol.publication import RepositoryFile
from protocol.scopes import Mode, Role, Scope
from protocol.sshkeys import KeySigner
from protocol.wording import Language

ROOT = Path(__file__).resolve().parent.parent.parent
ORG = "org-" + "a" * 32
TICKET = "T-7"


def key(name: str) -> KeySigner:
    return KeySigner.from_seed(hashlib.sha256(name.encode()).digest())


def person(id_: str, tier: int, *roles: Role) -> Technician:
    return Technician(
        id=id_,
        name=id_.title(),
        keys=(key(id_).public_key.text,),
        roles=roles or (Role.TECHNICIAN,),
        tiers=(CustomerTier(customer="*", tier=tier),),
    )


PEOPLE = (
    person("ana", 1),
    person("bea", 3, Role.TECHNICIAN, Role.APPROVER),
    person("carl", 3, Role.APPROVER),
    person("dora", 1, Role.APPROVER),
    person("eve", 3, Role.TECHNICIAN),
)
AGENT_KEY, ISSUER = key("agent"), key("issuer")
AGENT = ids.agent_id(AGENT_KEY.public_key.blob)


@dataclass
class Fix:
    """A fix as it is served; its bytes can be changed behind the signers' back."""

    ref: FixRef
    manifest: bytes
    payload: dict[str, bytes]


def starter(name: str, **changes: str) -> tuple[bytes, dict[str, bytes]]:
    """A directory of ``fixes/``; ``changes`` are replaced in its manifest."""
    folder = ROOT / "fixes" / name
    toml = (folder / "manifest.toml").read_text()
    for old, new in changes.items():
        toml = toml.replace(old, new)
    payload = {f.name: f.read_bytes() for f in folder.iterdir() if f.is_file() and f.name != "manifest.toml"}
    return toml.encode(), payload


@dataclass
class Served:
    """``agent.fixes.catalogue.Source`` and ``Trusted`` in memory."""

    organisation: Organisation
    held: list[Fix] = field(default_factory=list)

    def add(self, toml: bytes, payload: Mapping[str, bytes]) -> Fix:
        manifest = parse_manifest(toml, payload)
        content = manifest_json(manifest)
        ref = FixRef(
            id=manifest.id,
            version=manifest.version,
            risk=manifest.risk,
            path=manifest_path(manifest.risk, manifest.id, manifest.version),
            sha256=hashlib.sha256(content).hexdigest(),
            length=len(content),
        )
        fix = Fix(ref, content, dict(payload))
        self.held.append(fix)
        return fix

    def fixes(self) -> tuple[FixRef, ...]:
        revoked = self.organisation.revoked
        return tuple(f.ref for f in self.held if not is_revoked(revoked, f.ref.id, f.ref.version))

    def fix_manifest(self, ref: FixRef) -> bytes:
        return self._fix(ref).manifest

    def fix_payload(self, ref: FixRef, name: str) -> bytes:
        return self._fix(ref).payload[name]

    def _fix(self, ref: FixRef) -> Fix:
        if is_revoked(self.organisation.revoked, ref.id, ref.version):
            raise RelevoError(Code.REVOKED, ref.path)
        return next(fix for fix in self.held if fix.ref == ref)

    def snapshot_files(self, fixes: Sequence[FixRef] = ()) -> tuple[RepositoryFile, ...]:
        return ()

    async def for_fixes(self) -> Organisation:
        return self.organisation

    async def with_repository(self, use: Callable[[Any], Any]) -> Any:
        return use(self)

    def revoke(self, **what: tuple[str, ...]) -> None:
        revoked = msgspec.structs.replace(self.organisation.revoked, **what)
        self.organisation = msgspec.structs.replace(self.organisation, revoked=revoked)


@dataclass
class Watcher:
    """``Observer`` that remembers, and can be told to fail or to refuse."""

    states: list[str] = field(default_factory=list)
    plans: list[str] = field(default_factory=list)
    fail_at: str = ""
    answer: Code | None = None
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)

    async def entering(self, run: Run) -> None:
        if run.state == self.fail_at:
            raise RelevoError(Code.CANNOT_RECORD, "the journal is full")
        self.states.append(str(run.state))
        self.hooks.get(run.state, lambda: None)()

    async def ask(self, run: Run, plan: str) -> None:
        self.plans.append(plan)
        if self.answer is not None:
            raise RelevoError(self.answer, "the user")


class FixWorld:
    """Everything one machine needs to be asked for fixes."""

    def __init__(self, folder: Path, *, technician: str = "ana", language: Language = "en") -> None:
        self.folder = folder
        self.technician = technician
        self.language: Language = language
        self.org, self.issuer = ORG, ISSUER
        self.now = datetime.now(UTC)
        roster = Roster(
            org=ORG,
            name="Ayuda",
            technicians=PEOPLE,
            customers=(Customer(id="acme", name="Acme"),),
            broker=BrokerKeys(
                url="wss://127.0.0.1:1",
                tls_sha256=("0" * 64,),
                issuer_key=ISSUER.public_key.text,
                log_key="x",
            ),
        )
        self.served = Served(Organisation(roster=roster, policy=DEFAULT_POLICY, revoked=Revoked()))
        self.machine = Machine(org=ORG, agent=AGENT, customer="acme")
        self.desk = self.new_desk()
        self.watcher = Watcher()
        self.credentials = self.papers()

    def new_desk(self, **options: Any) -> Desk:
        """Another process's desk over the same folder."""
        return Desk(
            "user",
            self.folder / "fixes",
            self.served,  # type: ignore[arg-type]
            self.machine,
            lambda: self.now,
            language=self.language,
            **options,
        )

    def grant(self, **changes: Any) -> Grant:
        now = self.now
        grant = Grant(
            version=PROTOCOL_VERSION,
            org=self.org,
            grant=ids.new_grant_id(),
            ticket=TICKET,
            customer="acme",
            agent=AGENT,
            technician=self.technician,
            technician_key=key(self.technician).public_key.text,
            scopes=(Scope.DIAGNOSE, Scope.FIX),
            reason="help",
            issued=now,
            establish_by=now + timedelta(minutes=2),
            ends=now + timedelta(minutes=30),
            mode=Mode.ATTENDED,
        )
        return msgspec.structs.replace(grant, **changes)

    def papers(
        self,
        *,
        signers: tuple[KeySigner, ...] | None = None,
        consent_signer: KeySigner = AGENT_KEY,
        consent: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Credentials:
        """Grant and consent, rightly signed unless told otherwise."""
        grant = self.grant(**changes)
        envelope = seal(grant, *(signers if signers is not None else (key(self.technician), self.issuer)))
        given = Consent(
            version=PROTOCOL_VERSION,
            grant=grant.grant,
            grant_sha256=envelope.digest,
            agent=AGENT,
            agent_key=consent_signer.public_key.text,
            scopes=grant.scopes,
            given=self.now,
            until=grant.ends,
            basis=Basis(act="user", channel="command"),
        )
        return Credentials(envelope, seal(msgspec.structs.replace(given, **(consent or {})), consent_signer))

    async def plan(self, fix: str, **params: str) -> Planned:
        return await self.desk.plan(
            self.credentials, FixPlan(fix=fix, params=parameters(**params)), self.watcher
        )

    async def plan_undo(self, fix: str) -> Planned:
        return await self.desk.plan_undo(self.credentials, FixUndoPlan(fix=fix), self.watcher)

    def request(
        self,
        planned: Planned,
        *,
        mode: str = "apply",
        signers: tuple[KeySigner, ...] | None = None,
        **changes: Any,
    ) -> Envelope:
        """What the technician signs for this plan."""
        from protocol.dsse import unsafe_peek

        request = FixRequest(
            version=PROTOCOL_VERSION,
            grant=unsafe_peek(self.credentials.grant, Grant).grant,
            sequence=planned.sequence,
            challenge=planned.challenge,
            fix=planned.fix,
            fix_version=planned.fix_version,
            fix_sha256=planned.fix_sha256,
            params_sha256=planned.params_sha256,
            plan_sha256=planned.plan_sha256,
            mode=mode,
        )
        return seal(
            msgspec.structs.replace(request, **changes),
            *(signers if signers is not None else (key(self.technician),)),
        )

    async def run_request(self, envelope: Envelope, **params: str) -> Run:
        return await self.desk.run(
            self.credentials, FixRun(request=envelope, params=parameters(**params)), self.watcher
        )

    async def run(self, fix: str, **params: str) -> Run:
        """Plan, sign, run."""
        planned = await self.plan(fix, **params)
        return await self.run_request(self.request(planned), **params)

    async def undo(self, fix: str) -> Run:
        planned = await self.plan_undo(fix)
        return await self.run_request(self.request(planned, mode="undo"))


def parameters(**values: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name=name, value=value) for name, value in values.items())


async def code_of(work: Any) -> Code:
    """The code that awaiting ``work`` raises."""
    try:
        await work
    except RelevoError as error:
        return error.code
    raise AssertionError("nothing was refused")
