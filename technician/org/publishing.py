"""``relevo org publish`` and ``org connect``: sign the draft, hand it to the broker."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from tuf.api.metadata import Metadata, Root, Snapshot, Timestamp

from protocol import layout
from protocol.desk import Desk
from protocol.drivers.files import given, read_file, write_private
from protocol.drivers.http import BrokerHttp
from protocol.errors import Code, RelevoError
from protocol.organisation import BrokerKeys
from protocol.publication import Pairing, PairRequest, Publication, Published, RepositoryFile
from protocol.scopes import Risk
from protocol.sshkeys import PublicKey
from protocol.wire import from_json, to_json
from technician import home as homes
from technician.home import HomeConfig
from technician.keys import load_signer
from technician.login import prove
from technician.org import known_errors
from technician.org.fixes import sign_roles, valid_roles
from technician.org.initialise import ROOT_KEY, TARGETS_KEY
from technician.org.keys import load_key, tuf_key
from technician.org.signing import make_root, make_targets, read_role
from technician.org.state import OrgFolder, OrgState

UPLOAD_S = 120.0
_MAX_PAIRING = 64 << 10
_MAX_CERTIFICATES = 4


class Outcome(NamedTuple):
    """What was published, and the risks whose new fixes wait for another person's signature.

    ``published`` is None when the publication was left in the broker's folder for its next start.
    """

    state: OrgState
    published: Published | None
    waiting: tuple[Risk, ...]


def publish(home: Path, now: datetime) -> Outcome:
    """Sign all staged changes and upload them.

    Roles that lack a signature stay behind. When the upload fails the changes stay staged, and the next
    run signs them again under a higher version.

    Raises:
        RelevoError: ``not-connected`` before ``org connect``; the broker's refusal; ``unreachable``.
    """
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        if state.roster.broker is None:
            raise RelevoError(Code.NOT_CONNECTED, "run `relevo org connect` first")
        state, waiting = _sign(folder, state, now)
        published = _upload(home, state, _publication(folder, state, state.uploaded_root + 1, now), now)
        return Outcome(_uploaded(folder, state, waiting), published, waiting)


def connect(home: Path, where: str, now: datetime) -> Outcome:
    """Pair with a broker: put its keys into root and roster, publish everything, set up ``home``.

    A broker that is paired with this organisation already gets a normal publication instead, so this also
    carries a renewed certificate or log key into the roster.

    Args:
        where: the broker's data folder, or the ``https://…#pairing=…`` line that its ``init`` printed.

    Raises:
        RelevoError: ``usage``, ``not-found`` or ``malformed`` for ``where``; ``identity-mismatch`` when
            the broker shows another certificate; ``unreachable`` for a URL nobody answers at.
    """
    pairing, data = read_pairing(where)
    folder = OrgFolder(home)
    with folder.editing():
        state = _with_broker(folder, folder.load(), pairing, now)
        state, waiting = _sign(folder, state, now)
        homes.save_config(home, _admin_config(home, state, pairing))
        homes.forget_login(home)
        request = PairRequest(secret=pairing.secret, publication=_publication(folder, state, 1, now))
        try:
            published = _pair(pairing, request, data)
        except RelevoError as error:
            if error.code is not Code.TOKEN_USED:
                raise
            published = _upload(home, state, request.publication, now)
        if published is not None:
            _require_same_org(published, state)
        return Outcome(_uploaded(folder, state, waiting), published, waiting)


def read_pairing(where: str) -> tuple[Pairing, Path | None]:
    """The broker's pairing data, and its folder where ``where`` is one.

    Raises:
        RelevoError: ``usage`` or ``not-found``.
    """
    parts = urlsplit(where)
    if parts.scheme not in ("https", "wss"):
        folder = Path(where)
        with given(folder / "pairing.json"):
            return _checked(from_json(read_file(folder / "pairing.json", _MAX_PAIRING), Pairing)), folder
    name, _, value = parts.fragment.partition("=")
    if name != "pairing" or not value:
        raise RelevoError(
            Code.USAGE, "expected the line https://…#pairing=… that `relevo-broker init` printed"
        )
    try:
        content = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError) as error:
        raise RelevoError(Code.USAGE, "the pairing data in that line is cut or changed") from error
    with given("the pairing data in that line is cut or changed"):
        return _checked(from_json(content, Pairing)), None


def _checked(pairing: Pairing) -> Pairing:
    PublicKey.from_text(pairing.issuer_key)
    tuf_key(pairing.snapshot_key)
    tuf_key(pairing.timestamp_key)
    return pairing


def _with_broker(folder: OrgFolder, state: OrgState, pairing: Pairing, now: datetime) -> OrgState:
    """The draft with the broker in its roster, and a new root if the broker's TUF keys are new."""
    before = state.roster.broker
    known = before.tls_sha256 if before and before.issuer_key == pairing.issuer_key else ()
    broker = BrokerKeys(
        url=pairing.url,
        # Certificates of the same broker before stay good for a while, so that its change cuts nobody off.
        tls_sha256=tuple(dict.fromkeys((pairing.tls_sha256, *known)))[:_MAX_CERTIFICATES],
        issuer_key=pairing.issuer_key,
        log_key=pairing.log_key,
    )
    state = folder.stage(state, roster=msgspec.structs.replace(state.roster, broker=broker))
    snapshot, timestamp = tuf_key(pairing.snapshot_key), tuf_key(pairing.timestamp_key)
    current: Metadata[Root] = Metadata.from_bytes(
        read_file(folder.metadata / f"{state.root_version}.root.json", layout.MAX_ROOT)
    )
    roles = current.signed.roles
    if [roles[Snapshot.type].keyids, roles[Timestamp.type].keyids] == [[snapshot.keyid], [timestamp.keyid]]:
        return state
    version = state.root_version + 1
    targets = load_key(folder.keys / TARGETS_KEY).public_key
    root = make_root(version, now, load_key(folder.keys / ROOT_KEY), targets, snapshot, timestamp)
    write_private(folder.metadata / f"{version}.root.json", root)
    return folder.stage(state, root_version=version)


def _sign(folder: OrgFolder, state: OrgState, now: datetime) -> tuple[OrgState, tuple[Risk, ...]]:
    """Sign roles and top-level targets. A version number is written down before it is used."""
    waiting = sign_roles(folder, state, now)
    state = folder.stage(state, targets_version=state.targets_version + 1)
    signed = make_targets(
        state.targets_version,
        now,
        _documents(state) | known_errors.documents(folder, state),
        state.signers,
        load_key(folder.keys / TARGETS_KEY),
    )
    write_private(folder.metadata / "targets.json", signed)
    return state, waiting


def _documents(state: OrgState) -> dict[str, bytes]:
    documents = {
        layout.ROSTER: to_json(state.roster),
        layout.POLICY: to_json(state.policy),
        layout.REVOKED: to_json(state.revoked),
    }
    if state.desk != Desk():
        documents[layout.DESK] = to_json(state.desk)
    return documents


def _publication(folder: OrgFolder, state: OrgState, first_root: int, now: datetime) -> Publication:
    """Roots from ``first_root`` on, and the current state of everything else.

    A role that its signers must sign again is left out: the broker keeps what it has of it.
    """
    files = [
        RepositoryFile(path=f"metadata/{n}.root.json", content=read_file(folder.metadata / f"{n}.root.json"))
        for n in range(first_root, state.root_version + 1)
    ]
    content = _documents(state)
    for role in ("targets", *valid_roles(folder, state, now)):
        signed = read_file(folder.metadata / f"{role}.json")
        metadata = read_role(signed).signed
        files.append(RepositoryFile(path=f"metadata/{metadata.version}.{role}.json", content=signed))
        for name, info in metadata.targets.items():
            data = content[name] if name in content else read_file(folder.target(name))
            prefixed = layout.hash_prefixed(name, info.hashes["sha256"])
            files.append(RepositoryFile(path=f"targets/{prefixed}", content=data))
    return Publication(files=tuple(files))


def _upload(home: Path, state: OrgState, publication: Publication, now: datetime) -> Published:
    """Log in as the administrator and upload. The draft, not the served roster, says who the broker is."""
    broker = state.roster.broker
    if broker is None:
        raise RelevoError(Code.NOT_CONNECTED, "run `relevo org connect` first")
    config = homes.load_config(home)
    http = BrokerHttp(broker.url, broker.tls_sha256[0])
    try:
        person = state.roster.technician(config.technician)
        login = prove(http, state.org, person, load_signer(config.key), broker.tls_sha256[0], now)
        homes.save_login(home, login)
        http.token = login.token
        published = http.post_json("/v1/org/publish", publication, Published, deadline_s=UPLOAD_S)
    finally:
        http.close()
    _require_same_org(published, state)
    return published


def _pair(pairing: Pairing, request: PairRequest, data: Path | None) -> Published | None:
    http = BrokerHttp(pairing.url, pairing.tls_sha256)
    try:
        return http.post_json("/v1/org/pair", request, Published, deadline_s=UPLOAD_S)
    except RelevoError as error:
        if error.code is not Code.UNREACHABLE or data is None:
            raise
    finally:
        http.close()
    write_private(data / "incoming" / "pair.json", to_json(request))
    return None


def _require_same_org(published: Published, state: OrgState) -> None:
    if published.org != state.org or published.targets_version != state.targets_version:
        raise RelevoError(
            Code.CONFLICT, f"the broker says it serves {published.org} version {published.targets_version}"
        )


def _uploaded(folder: OrgFolder, state: OrgState, waiting: tuple[Risk, ...]) -> OrgState:
    done = msgspec.structs.replace(
        state,
        uploaded_root=state.root_version,
        uploaded_targets=state.targets_version,
        known_errors=known_errors.published(state),
        staged=bool(waiting),
    )
    return folder.save(done)


def _admin_config(home: Path, state: OrgState, pairing: Pairing) -> HomeConfig:
    return HomeConfig(
        url=pairing.url,
        org=state.org,
        root_sha256=state.root_sha256,
        tls_sha256=pairing.tls_sha256,
        technician=state.admin,
        key=str(home / "keys" / state.admin),
    )
