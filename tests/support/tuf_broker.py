"""A broker's half of the organisation repository in a folder: it signs snapshot and timestamp as asked.

It verifies nothing, so tests can make it lie.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Targets, Timestamp

from protocol.publication import Pairing, PairRequest, Publication
from protocol.sshkeys import KeySigner
from protocol.wire import from_json, to_json
from technician.org import initialise, publishing
from technician.org.state import OrgFolder

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class FolderBroker:
    """Serves ``folder/metadata`` and ``folder/targets``."""

    def __init__(self, folder: Path, url: str = "wss://127.0.0.1:1", tls_sha256: str = "a" * 64) -> None:
        self.folder = folder
        self.snapshot_key = CryptoSigner.generate_ed25519()
        self.timestamp_key = CryptoSigner.generate_ed25519()
        self.snapshot_version = 0
        self.timestamp_version = 0
        self.versions: dict[str, int] = {}
        self.pairing = Pairing(
            url=url,
            tls_sha256=tls_sha256,
            secret="5" * 64,
            issuer_key=KeySigner.from_seed(b"i" * 32).public_key.text,
            log_key="broker/log+00000000+AAAA",
            snapshot_key=str(self.snapshot_key.public_key.keyval["public"]),
            timestamp_key=str(self.timestamp_key.public_key.keyval["public"]),
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pairing.json").write_bytes(to_json(self.pairing))

    def path(self, name: str) -> Path:
        return self.folder / name

    def take(self, publication: Publication, now: datetime) -> None:
        """Store the files and vouch for the newest versions."""
        for file in publication.files:
            target = self.folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            version, _, name = target.name.partition(".")
            if file.path.startswith("metadata/") and name != "root.json":
                self.versions[name] = int(version)
        self.vouch(now)

    def take_incoming(self, now: datetime) -> None:
        """What ``serve`` does at start after ``org connect FOLDER``."""
        request = from_json(self.path("incoming/pair.json").read_bytes(), PairRequest)
        assert request.secret == self.pairing.secret
        self.take(request.publication, now)

    def vouch(self, now: datetime) -> None:
        """A new snapshot of ``versions`` and a new timestamp."""
        self.snapshot_version += 1
        meta = {name: MetaFile(version) for name, version in self.versions.items()}
        snapshot = Snapshot(self.snapshot_version, expires=now + timedelta(days=7), meta=meta)
        content = _signed(snapshot, self.snapshot_key)
        self.path(f"metadata/{self.snapshot_version}.snapshot.json").write_bytes(content)
        self.stamp(now)

    def stamp(self, now: datetime) -> None:
        """A new timestamp for the current snapshot."""
        self.timestamp_version += 1
        content = self.path(f"metadata/{self.snapshot_version}.snapshot.json").read_bytes()
        digest = {"sha256": hashlib.sha256(content).hexdigest()}
        meta = MetaFile(self.snapshot_version, len(content), digest)
        expires = (now + timedelta(minutes=30)).replace(microsecond=0)
        stamp = Timestamp(self.timestamp_version, expires=expires, snapshot_meta=meta)
        self.path("metadata/timestamp.json").write_bytes(_signed(stamp, self.timestamp_key))

    def copy(self) -> Path:
        """A copy of what is served now, for an attack later."""
        kept = self.folder.with_name(f"{self.folder.name}-kept-{self.timestamp_version}")
        shutil.copytree(self.folder, kept)
        return kept


def organisation(tmp_path: Path, now: datetime = NOW) -> tuple[Path, FolderBroker, str]:
    """An organisation connected to a folder broker: its home, the broker, the root's hash."""
    home = tmp_path / "home"
    state = initialise.init(home, "Ayuda SL", "admin", now)
    broker = FolderBroker(tmp_path / "broker")
    publishing.connect(home, str(broker.folder), now)
    broker.take_incoming(now)
    return home, broker, state.root_sha256


def republish(home: Path, broker: FolderBroker, now: datetime) -> publishing.Outcome:
    """Sign all staged changes and carry them over by hand."""
    outcome = publishing.connect(home, str(broker.folder), now)
    broker.take_incoming(now)
    return outcome


def rewrite_role(home: Path, broker: FolderBroker, risk: str, change, keys) -> None:
    """Serve ``risk`` metadata changed by ``change(Targets)`` and signed by ``keys``, in a new version."""
    current = OrgFolder(home).metadata / f"{risk}.json"
    signed = Metadata.from_bytes(current.read_bytes()).signed if current.exists() else _empty()
    assert isinstance(signed, Targets)
    change(signed)
    signed.version = broker.versions.get(f"{risk}.json", 0) + 1
    metadata = Metadata(signed)
    for key in keys:
        metadata.sign(key, append=True)
    broker.path(f"metadata/{signed.version}.{risk}.json").write_bytes(metadata.to_bytes())
    broker.versions[f"{risk}.json"] = signed.version


def _empty() -> Targets:
    return Targets(1, expires=NOW + timedelta(days=100))


def _signed(signed, key: CryptoSigner) -> bytes:
    metadata = Metadata(signed)
    metadata.sign(key)
    return metadata.to_bytes()
