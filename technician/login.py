"""Login: proof of a roster key, no password; and the API client that logs in again by itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from protocol import dsse
from protocol.api import Login, LoginChallenge, LoginRequest
from protocol.documents import PROTOCOL_VERSION, LoginProof
from protocol.drivers.http import (
    DEADLINE_S,
    MAX_ANSWER,
    BrokerHttp,
    Response,
    fetch_certificate_sha256,
    wss,
)
from protocol.errors import Code, RelevoError
from protocol.organisation import BrokerKeys, Organisation, Technician, require_active_key
from protocol.sshkeys import Signer
from protocol.wire import from_json, to_json
from technician import home as homes
from technician.home import HomeConfig
from technician.keys import AGENT, load_signer

if TYPE_CHECKING:
    from protocol.drivers.repository import Repository  # imports tuf, which most commands do not need

W = TypeVar("W")


def login(
    home: Path,
    url: str,
    key: str,
    root_sha256: str,
    *,
    language: str | None = None,
) -> Login:
    """First contact: pin the organisation by its root, find ourselves in its roster, log in, remember.

    The broker's certificate is accepted because the verified roster names it; nothing is trusted for
    having been seen first.

    Raises:
        RelevoError: ``identity-mismatch`` when the roster names another certificate; ``hash-mismatch`` for
            another root; ``not-in-roster``; ``revoked``; what ``Repository.refresh`` raises.
    """
    seen = fetch_certificate_sha256(url)
    http = BrokerHttp(url, seen)
    try:
        organisation = homes.repository(home, http, root_sha256).refresh(_now())
        require_certificate(organisation, seen)
        signer = load_signer(key)
        person = organisation.roster.holder_of(signer.public_key)
        require_active_key(organisation, person, signer.public_key)
        answer = prove(http, organisation.roster.org, person, signer, seen, _now())
    finally:
        http.close()
    config = HomeConfig(
        url=wss(url),
        org=organisation.roster.org,
        root_sha256=root_sha256,
        tls_sha256=seen,
        technician=person.id,
        key=key,
        language=language,
    )
    homes.save_config(home, config)
    homes.save_login(home, answer)
    return answer


def root_hash(text: str) -> str:
    """The root's hash as people paste it. Raises RelevoError: ``usage``."""
    found = text.strip().lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", found):
        raise RelevoError(
            Code.USAGE, "--root takes the 64 hexadecimal digits that your administrator gave you"
        )
    return found


def key_reference(text: str) -> str:
    """``--key`` as it is remembered: the path made absolute, anything that is no file unchanged."""
    path = Path(text).expanduser()
    return str(path.absolute()) if text != AGENT and path.is_file() else text


def require_certificate(organisation: Organisation, tls_sha256: str) -> BrokerKeys:
    """The roster's broker, if it names this certificate.

    Raises:
        RelevoError: ``identity-mismatch``; ``not-connected`` when the roster names no broker.
    """
    broker = organisation.roster.broker
    if broker is None:
        raise RelevoError(Code.NOT_CONNECTED, "the roster names no broker")
    if tls_sha256 not in broker.tls_sha256:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the broker's certificate is not the one in the roster")
    return broker


def prove(
    http: BrokerHttp, org: str, person: Technician, signer: Signer, tls_sha256: str, now: datetime
) -> Login:
    """Answer the broker's challenge with a signature bound to its certificate.

    Raises:
        RelevoError: ``identity-mismatch`` when the broker speaks for another organisation, or its refusal.
    """
    challenge = from_json(http.request("POST", "/v1/auth/challenge", b"").body, LoginChallenge)
    if challenge.org != org:
        raise RelevoError(Code.IDENTITY_MISMATCH, f"the broker serves {challenge.org}")
    proof = LoginProof(
        version=PROTOCOL_VERSION,
        org=org,
        technician=person.id,
        nonce=challenge.nonce,
        tls_sha256=tls_sha256,
        at=now,
    )
    request = LoginRequest(key=signer.public_key.text, proof=dsse.seal(proof, signer))
    return http.post_json("/v1/auth/login", request, Login)


class Api:
    """The broker's API as the person that ``home`` is set up for.

    When the bearer has expired it logs in again with the key and repeats the request once; a request that
    was answered ``unauthenticated`` had no effect.
    """

    def __init__(self, home: Path, config: HomeConfig) -> None:
        self.home = home
        self.config = config
        stored = homes.load_login(home)
        self.http = BrokerHttp(config.url, config.tls_sha256, stored.token if stored else None)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        deadline_s: float = DEADLINE_S,
        limit: int = MAX_ANSWER,
    ) -> Response:
        """As ``BrokerHttp.request``."""
        if self.http.token is None:
            self.log_in()
        try:
            return self.http.request(method, path, body, headers, deadline_s=deadline_s, limit=limit)
        except RelevoError as error:
            if error.code is not Code.UNAUTHENTICATED:
                raise
        self.log_in()
        return self.http.request(method, path, body, headers, deadline_s=deadline_s, limit=limit)

    def get_json(self, path: str, kind: type[W], *, deadline_s: float = DEADLINE_S) -> W:
        return from_json(self.request("GET", path, deadline_s=deadline_s).body, kind)

    def post_json(self, path: str, struct: object, kind: type[W], *, deadline_s: float = DEADLINE_S) -> W:
        headers = {"content-type": "application/json"}
        return from_json(
            self.request("POST", path, to_json(struct), headers, deadline_s=deadline_s).body, kind
        )

    def signer(self) -> Signer:
        """The technician's key. Raises RelevoError: as ``load_signer``."""
        return load_signer(self.config.key)

    def repository(self) -> Repository:
        return homes.repository(self.home, self.http, self.config.root_sha256)

    def log_in(self) -> Login:
        """Prove the key again; the new bearer is stored.

        Raises:
            RelevoError: as ``login``.
        """
        self.http.token = None
        organisation = self.repository().refresh(_now())
        require_certificate(organisation, self.config.tls_sha256)
        signer = self.signer()
        person = organisation.roster.technician(self.config.technician)
        require_active_key(organisation, person, signer.public_key)
        answer = prove(self.http, self.config.org, person, signer, self.config.tls_sha256, _now())
        homes.save_login(self.home, answer)
        self.http.token = answer.token
        return answer

    def close(self) -> None:
        self.http.close()


def client(home: Path) -> Api:
    """The API client of a home that was logged in once.

    Raises:
        RelevoError: ``unauthenticated``.
    """
    return Api(home, homes.load_config(home))


def _now() -> datetime:
    return datetime.now(UTC)
