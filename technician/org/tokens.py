"""``relevo org token``: what lets one machine join, once."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from pathlib import Path

from protocol import dsse
from protocol.documents import PROTOCOL_VERSION, EnrolmentToken
from protocol.drivers.files import write_private
from protocol.enrolment import TokenFile
from protocol.errors import Code, RelevoError
from protocol.scopes import Mode
from protocol.wire import to_json
from technician import home as homes
from technician.keys import load_signer
from technician.org.state import OrgFolder

MAX_LIFE = timedelta(days=30)


def make_token(
    home: Path, customer: str, mode: Mode, life: timedelta, output: Path, now: datetime
) -> EnrolmentToken:
    """Write a token file (0600), signed with the administrator's roster key.

    Raises:
        RelevoError: ``not-found`` for an unknown customer; ``usage`` for a life over 30 days or under a
            minute; ``not-connected`` before ``org connect``.
    """
    state = OrgFolder(home).load()
    broker = state.roster.broker
    state.roster.customer(customer)
    if broker is None:
        raise RelevoError(Code.NOT_CONNECTED, "run `relevo org connect` first")
    if not timedelta(minutes=1) <= life <= MAX_LIFE:
        raise RelevoError(Code.USAGE, "a token lives between one minute and 30 days")
    token = EnrolmentToken(
        version=PROTOCOL_VERSION,
        token=secrets.token_hex(16),
        org=state.org,
        customer=customer,
        mode=mode,
        issued=now,
        expires=now + life,
    )
    file = TokenFile(
        url=broker.url,
        tls_sha256=broker.tls_sha256[0],
        org=state.org,
        org_name=state.name,
        root_sha256=state.root_sha256,
        targets_version=state.uploaded_targets,
        token=dsse.seal(token, load_signer(homes.load_config(home).key)),
    )
    write_private(output, to_json(file))
    return token
