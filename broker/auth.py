"""Who is calling: logins by proof of a roster key, bearer tokens, and the roster asked anew each time."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from broker.calls import Call, Caller
from broker.context import Broker
from broker.refusals import claimed
from broker.store.engine import Tx
from broker.store.tables import login_nonces, logins
from protocol.api import Login, LoginChallenge, LoginRequest
from protocol.audit import Action, ActorKind, AuditRecord
from protocol.documents import LoginProof
from protocol.dsse import open_envelope, unsafe_peek
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation, Technician, require_active_key
from protocol.sshkeys import PublicKey
from protocol.wire import facts, to_json

LOGIN_LIFE = timedelta(hours=12)
MAX_LOGINS = 64
"""Logins of one person at a time; the oldest make room."""
_PREFIX = "relevo_"


async def challenge(broker: Broker, call: Call) -> LoginChallenge:
    """``POST /v1/auth/challenge``: a nonce for one login."""
    org = broker.organisation.require()
    return LoginChallenge(nonce=broker.nonces.make(broker.clock()), org=org.roster.org)


async def login(broker: Broker, call: Call) -> Login:
    """``POST /v1/auth/login``: a bearer token for who proves a key of the roster.

    Raises:
        RelevoError: ``signature-invalid``, ``identity-mismatch``, ``document-expired``,
            ``replayed``, ``not-in-roster`` or ``revoked``.
    """
    request = call.take(LoginRequest)
    call.about.evidence = (to_json(request.proof),)
    call.about.actor = claimed(ActorKind.TECHNICIAN, unsafe_peek(request.proof, LoginProof).technician)
    now = broker.clock()
    org = broker.organisation.require()
    proof, person, key = prove(request, org, broker.identity.tls_sha256)
    nonce_ends = broker.nonces.check(proof.nonce, now)
    bearer = _PREFIX + secrets.token_hex(32)
    expires = now + LOGIN_LIFE
    record = AuditRecord(
        at=now,
        actor=Caller(person, key, b"").actor,
        action=Action.LOGIN,
        facts=facts(key=key.fingerprint, source=call.source),
        evidence=call.about.evidence,
    )

    def unit(tx: Tx) -> None:
        spend_nonce(tx.conn, proof.nonce, nonce_ends, now)
        _make_room(tx.conn, person.id, now)
        row = {"technician": person.id, "key": key.text, "created": now, "expires": expires}
        tx.conn.execute(insert(logins).values(token_sha256=_hash(bearer), **row))
        tx.audit(record)

    await broker.store.write(unit)
    return Login(token=bearer, technician=person.id, name=person.name, roles=person.roles, expires=expires)


async def logout(broker: Broker, call: Call) -> None:
    """``POST /v1/auth/logout``: the bearer stops to work."""
    login_id = call.who.login
    await broker.store.write(
        lambda tx: tx.conn.execute(delete(logins).where(logins.c.token_sha256 == login_id))
    )


async def me(broker: Broker, call: Call) -> Technician:
    """``GET /v1/me``: the caller's own row of the roster."""
    return call.who.person


def prove(
    request: LoginRequest, org: Organisation, tls_sha256: str
) -> tuple[LoginProof, Technician, PublicKey]:
    """The person behind a login request, if the proof holds. Decides only; the nonce is the caller's.

    Raises:
        RelevoError: ``signature-invalid``, ``identity-mismatch`` (another organisation or
            certificate), ``not-in-roster`` or ``revoked``.
    """
    key = PublicKey.from_text(request.key)
    proof = open_envelope(request.proof, LoginProof, [key])
    if proof.org != org.roster.org:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the proof is for another organisation")
    if proof.tls_sha256 != tls_sha256:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the proof is for another certificate")
    person = org.roster.technician(proof.technician)
    require_active_key(org, person, key)
    return proof, person, key


async def authenticate(broker: Broker, authorization: str | None) -> Caller:
    """The person behind an ``Authorization`` header, as the roster is now.

    Raises:
        RelevoError: ``unauthenticated`` without a live login; ``not-in-roster`` or ``revoked`` once
            the person or the key is gone.
    """
    scheme, _, bearer = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not bearer.isascii() or not bearer.startswith(_PREFIX):
        raise RelevoError(Code.UNAUTHENTICATED, "no bearer token")
    hashed = _hash(bearer)
    return await broker.store.read(lambda conn: caller_of(broker, conn, hashed))


def caller_of(broker: Broker, conn: Connection, login: bytes) -> Caller:
    """The person behind a login (``Caller.login``) now; also asked again while something goes on.

    Raises:
        RelevoError: as ``authenticate``.
    """
    org = broker.organisation.require()
    found = _find(conn, login, broker.clock())
    if found is None:
        raise RelevoError(Code.UNAUTHENTICATED, "login unknown or expired")
    technician, key_text = found
    person, key = org.roster.technician(technician), PublicKey.from_text(key_text)
    require_active_key(org, person, key)
    return Caller(person, key, login)


def spend_nonce(conn: Connection, nonce: str, ends: datetime, now: datetime) -> None:
    """Use up a nonce. Raises RelevoError: ``replayed`` the second time."""
    conn.execute(delete(login_nonces).where(login_nonces.c.expires < now - timedelta(minutes=5)))
    try:
        conn.execute(insert(login_nonces).values(nonce=nonce, expires=ends))
    except IntegrityError as error:
        raise RelevoError(Code.REPLAYED, "the challenge was used before") from error


def _find(conn: Connection, hashed: bytes, now: datetime) -> tuple[str, str] | None:
    row = conn.execute(
        select(logins.c.technician, logins.c.key).where(
            logins.c.token_sha256 == hashed, logins.c.expires > now
        )
    ).one_or_none()
    return None if row is None else (row.technician, row.key)


def _make_room(conn: Connection, technician: str, now: datetime) -> None:
    conn.execute(delete(logins).where(logins.c.expires <= now))
    kept = (
        select(logins.c.token_sha256)
        .where(logins.c.technician == technician)
        .order_by(logins.c.created.desc())
        .limit(MAX_LOGINS - 1)
    )
    conn.execute(delete(logins).where(logins.c.technician == technician, logins.c.token_sha256.not_in(kept)))


def _hash(bearer: str) -> bytes:
    return hashlib.sha256(bearer.encode()).digest()
