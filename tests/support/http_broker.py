"""A broker's organisation and login routes over HTTPS, on top of ``FolderBroker``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from protocol.api import Login, LoginChallenge, LoginRequest, Problem
from protocol.documents import LoginProof
from protocol.dsse import open_envelope
from protocol.errors import Code, RelevoError
from protocol.ids import org_id
from protocol.organisation import Roster
from protocol.publication import PairRequest, Publication, Published
from protocol.sshkeys import PublicKey
from protocol.wire import from_json, to_json
from tests.support.https_server import Answer, Got, https
from tests.support.tuf_broker import FolderBroker


class HttpBroker:
    """Set the attributes to make it lie."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: FolderBroker | None = None
        self.paired = False
        self.tls_sha256 = ""
        self.nonce = "7" * 64
        self.bearer = "bearer-1"
        self.logins = 0
        self.org_shown: str | None = None

    def __call__(self, got: Got) -> Answer:
        try:
            return self._route(got)
        except RelevoError as error:
            body = Problem(
                type="about:blank",
                title="",
                status=error.http_status,
                detail=error.detail,
                code=error.code,
                reference="R",
            )
            return Answer(error.http_status, to_json(body), (("content-type", "application/problem+json"),))

    def _route(self, got: Got) -> Answer:
        now = datetime.now(UTC)
        assert self.files is not None
        if got.path.startswith("/repo/"):
            path = self.files.folder / got.path.removeprefix("/repo/")
            if not path.is_file():
                raise RelevoError(Code.NOT_FOUND, got.path)
            return Answer(body=path.read_bytes())
        if got.path == "/v1/org/pair":
            request = from_json(got.body, PairRequest)
            if self.paired or request.secret != self.files.pairing.secret:
                raise RelevoError(Code.TOKEN_USED, "paired already")
            self.paired = True
            self.files.take(request.publication, now)
            return Answer(body=to_json(self._published()))
        if got.path == "/v1/auth/challenge":
            return Answer(body=to_json(LoginChallenge(nonce=self.nonce, org=self.org_shown or self._org())))
        if got.path == "/v1/auth/login":
            return Answer(body=to_json(self._login(from_json(got.body, LoginRequest))))
        if got.headers.get("authorization") != f"Bearer {self.bearer}":
            raise RelevoError(Code.UNAUTHENTICATED, "bearer")
        if got.path == "/v1/org/publish":
            self.files.take(from_json(got.body, Publication), now)
            return Answer(body=to_json(self._published()))
        return Answer(body=b'"done"')

    def _org(self) -> str:
        assert self.files is not None
        return org_id(self.files.path("metadata/1.root.json").read_bytes())

    def roster(self) -> Roster:
        assert self.files is not None
        version = self.files.versions["targets.json"]
        content = self.files.path(f"metadata/{version}.targets.json").read_bytes()
        digest = content.split(b'"roster.json"')[1].split(b'"sha256": "')[1][:64].decode()
        return from_json(self.files.path(f"targets/{digest}.roster.json").read_bytes(), Roster)

    def _published(self) -> Published:
        assert self.files is not None
        return Published(
            org=self._org(),
            targets_version=self.files.versions["targets.json"],
            snapshot_version=self.files.snapshot_version,
        )

    def _login(self, request: LoginRequest) -> Login:
        key = PublicKey.from_text(request.key)
        proof = open_envelope(request.proof, LoginProof, [key])
        person = self.roster().holder_of(key)
        if (proof.nonce, proof.tls_sha256) != (self.nonce, self.tls_sha256):
            raise RelevoError(Code.SIGNATURE_INVALID, "proof for somebody else")
        self.logins += 1
        self.bearer = f"bearer-{self.logins}"
        return Login(
            token=self.bearer,
            technician=person.id,
            name=person.name,
            roles=person.roles,
            expires=datetime.now(UTC) + timedelta(hours=1),
        )


@contextlib.contextmanager
def http_broker(folder: Path) -> Iterator[HttpBroker]:
    """Serving, not yet paired; ``folder`` holds ``pairing.json``."""
    broker = HttpBroker(folder)
    with https(broker) as server:
        broker.tls_sha256 = server.tls_sha256
        broker.files = FolderBroker(folder, server.url, server.tls_sha256)
        yield broker
