"""``POST /v1/enrol``: a machine becomes an agent, once per token."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from broker.calls import Call
from broker.context import Broker
from broker.refusals import claimed
from broker.store.engine import Tx
from broker.store.tables import agents, tokens
from protocol import ids
from protocol.api import Enrolled, EnrolRequest
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.documents import Enrolment, EnrolmentToken
from protocol.dsse import open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation
from protocol.scopes import Role
from protocol.sshkeys import PublicKey
from protocol.wire import facts, to_json


async def enrol(broker: Broker, call: Call) -> Enrolled:
    """Register the machine. The same key with the same token gets the same answer again, so an agent
    that lost the answer can ask once more.

    Raises:
        RelevoError: ``signature-invalid``, ``not-in-roster``, ``role-missing``, ``revoked``,
            ``identity-mismatch``, ``token-expired``, ``not-found`` (the customer), ``token-used``,
            ``already-exists`` (this machine is enrolled through another token).
    """
    request = call.take(EnrolRequest)
    _describe(call, request)
    now = broker.clock()
    org = broker.organisation.require()
    token = open_token(request.token, org)
    enrolment = open_enrolment(request.enrolment, token)
    if enrolment.agent in org.revoked.agents:
        raise RelevoError(Code.REVOKED, enrolment.agent)
    record = AuditRecord(
        at=now,
        actor=Actor(kind=ActorKind.AGENT, id=enrolment.agent),
        action=Action.AGENT_ENROLLED,
        customer=token.customer,
        agent=enrolment.agent,
        facts=facts(token=token.token, mode=token.mode.value, hostname=enrolment.hostname),
        evidence=call.about.evidence,
    )
    await broker.store.write(lambda tx: register(tx, token, enrolment, record, now))
    return Enrolled(agent=enrolment.agent, customer=token.customer, mode=token.mode, org=token.org)


def open_token(envelope: Envelope, org: Organisation) -> EnrolmentToken:
    """The token, if an administrator of the roster signed it for this organisation.

    Raises:
        RelevoError: ``not-in-roster``, ``role-missing``, ``revoked``, ``signature-invalid``,
            ``identity-mismatch`` or ``not-found`` (no such customer).
    """
    signer = _admin_key(envelope, org)
    token = open_envelope(envelope, EnrolmentToken, [signer])
    if token.org != org.roster.org:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the token is for another organisation")
    org.roster.customer(token.customer)
    return token


def open_enrolment(envelope: Envelope, token: EnrolmentToken) -> Enrolment:
    """What the machine says of itself, signed by the key that its id is the hash of.

    Raises:
        RelevoError: ``signature-invalid`` or ``identity-mismatch``.
    """
    key = PublicKey.from_text(unsafe_peek(envelope, Enrolment).agent_key)
    enrolment = open_envelope(envelope, Enrolment, [key])
    if enrolment.agent != ids.agent_id(key.blob):
        raise RelevoError(Code.IDENTITY_MISMATCH, "the agent's id is not the hash of its key")
    if (enrolment.token, enrolment.org) != (token.token, token.org):
        raise RelevoError(Code.IDENTITY_MISMATCH, "the enrolment is for another token")
    return enrolment


def register(tx: Tx, token: EnrolmentToken, enrolment: Enrolment, record: AuditRecord, now: datetime) -> None:
    """Consume the token and create the agent, both or neither; nothing if it happened already.

    Raises:
        RelevoError: ``token-used``, ``token-expired`` or ``already-exists``.
    """
    used_by = _used_by(tx.conn, token.token)
    if used_by == enrolment.agent:
        return
    if used_by is not None:
        raise RelevoError(Code.TOKEN_USED, token.token)
    if not token.issued <= now < token.expires:
        raise RelevoError(Code.TOKEN_EXPIRED, token.token)
    row = {
        "agent": enrolment.agent,
        "key": PublicKey.from_text(enrolment.agent_key).text,
        "hostname": enrolment.hostname,
        "platform": enrolment.platform,
        "customer": token.customer,
        "mode": token.mode.value,
        "enrolled": now,
    }
    try:
        tx.conn.execute(insert(agents).values(**row))
        tx.conn.execute(insert(tokens).values(token=token.token, agent=enrolment.agent, used=now))
    except IntegrityError as error:
        raise RelevoError(Code.ALREADY_EXISTS, f"{enrolment.agent} is enrolled") from error
    tx.audit(record)


def _admin_key(envelope: Envelope, org: Organisation) -> PublicKey:
    """The administrator's key that a signature of the envelope names, as the roster has it."""
    named = {signature.keyid for signature in envelope.signatures}
    for person in org.roster.technicians:
        for key in map(PublicKey.from_text, person.keys):
            if key.fingerprint not in named:
                continue
            if key.fingerprint in org.revoked.keys:
                raise RelevoError(Code.REVOKED, key.fingerprint)
            if Role.ADMIN not in person.roles:
                raise RelevoError(Code.ROLE_MISSING, f"{person.id} is no administrator")
            return key
    raise RelevoError(Code.NOT_IN_ROSTER, "no administrator of the roster signed the token")


def _used_by(conn: Connection, token: str) -> str | None:
    return conn.execute(select(tokens.c.agent).where(tokens.c.token == token)).scalar_one_or_none()


def _describe(call: Call, request: EnrolRequest) -> None:
    """What a record of a refusal will say, all of it unproven."""
    token = unsafe_peek(request.token, EnrolmentToken)
    enrolment = unsafe_peek(request.enrolment, Enrolment)
    call.about.actor = claimed(ActorKind.AGENT, enrolment.agent)
    call.about.facts = facts(token=token.token, hostname=enrolment.hostname)
    call.about.evidence = (to_json(request.token), to_json(request.enrolment))
