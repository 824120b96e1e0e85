"""Joining an organisation, once: the root that everything is believed from, then the broker's yes."""

from __future__ import annotations

import platform
import socket
from datetime import UTC, datetime
from pathlib import Path

from agent import identity
from agent.folder import Folder, Membership
from protocol.api import Enrolled, EnrolRequest
from protocol.documents import PROTOCOL_VERSION, Enrolment, EnrolmentToken
from protocol.drivers import sources
from protocol.drivers.files import given, read_file
from protocol.drivers.http import BrokerHttp
from protocol.drivers.repository import Repository
from protocol.dsse import seal, unsafe_peek
from protocol.enrolment import TokenFile
from protocol.errors import Code, RelevoError
from protocol.wire import from_json

_MAX_TOKEN = 64 << 10


def enrol(folder: Folder, token_file: Path) -> Membership:
    """Join with a one-use token. Repeating it after a crash, with the same token, finishes the job.

    Raises:
        RelevoError: ``already-exists`` when this folder belongs to an organisation; ``usage`` or
            ``not-found`` for the file; ``token-expired``, ``token-used``; ``identity-mismatch`` when
            the broker is not the token's; ``signature-invalid``, ``rollback``, … for its repository.
    """
    if folder.membership_file.exists():
        raise RelevoError(Code.ALREADY_EXISTS, f"{folder.root} is enrolled in {folder.membership().org_name}")
    with given(token_file):
        token = from_json(read_file(token_file, _MAX_TOKEN), TokenFile)
        claims = unsafe_peek(token.token, EnrolmentToken)
    now = datetime.now(UTC)
    if now > claims.expires:
        raise RelevoError(Code.TOKEN_EXPIRED, claims.token)
    http = BrokerHttp(token.url, token.tls_sha256)
    _verify_organisation(folder, token, http, now)
    signer = identity.load_or_make(folder)
    enrolment = Enrolment(
        version=PROTOCOL_VERSION,
        token=claims.token,
        org=token.org,
        agent=identity.id_of(signer),
        agent_key=signer.public_key.text,
        hostname=socket.gethostname()[:200],
        platform=platform.platform(terse=True)[:200],
        at=now,
    )
    request = EnrolRequest(token=token.token, enrolment=seal(enrolment, signer))
    enrolled = http.post_json("/v1/enrol", request, Enrolled)
    if (enrolled.agent, enrolled.org, enrolled.customer) != (enrolment.agent, token.org, claims.customer):
        raise RelevoError(Code.IDENTITY_MISMATCH, "the broker enrolled something else")
    membership = Membership(
        agent=enrolment.agent,
        org=token.org,
        org_name=token.org_name,
        customer=claims.customer,
        mode=claims.mode,
        url=token.url,
        tls_sha256=token.tls_sha256,
        root_sha256=token.root_sha256,
    )
    folder.remember(membership)
    return membership


def _verify_organisation(folder: Folder, token: TokenFile, http: BrokerHttp, now: datetime) -> None:
    """The broker must show the organisation whose root the token names, at least as new as the token."""
    repository = Repository(
        folder.repository,
        token.root_sha256,
        sources.from_broker(http),
        min_targets_version=token.targets_version,
    )
    roster = repository.refresh(now).roster
    if roster.org != token.org or roster.broker is None or token.tls_sha256 not in roster.broker.tls_sha256:
        raise RelevoError(Code.IDENTITY_MISMATCH, "this broker does not serve the token's organisation")
