"""`relevo audit` against the real broker: honest, then with its database and log key turned against everybody."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.config import Config, load_config
from broker.keys import load_identity
from protocol.audit import AuditRecord, leaf_data
from protocol.merkle import leaf_hash, root_of
from protocol.wire import from_json, to_json
from tests.support.world import Machine, Person, World, wait_until, world_in


class Scene:
    """One finished session on one ticket."""

    def __init__(self, world: World, ana: Person, machine: Machine, ticket: str) -> None:
        self.world = world
        self.ana = ana
        self.machine = machine
        self.ticket = ticket


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with world_in(tmp_path_factory.mktemp("audit")) as world:
        world.found(fixes=False)
        world.admin("login", world.url, "--key", str(world.admin.key), "--root", world.root_sha256)
        ana, machine = world.technician("ana"), world.machine()
        ticket = machine.ask("The printer does not print")
        ana("ticket", "take", ticket)
        world.open_session(ana, machine, ticket, "diagnose,logs")
        ana("session", "end", ticket)

        def ended() -> bool:
            rows = ana("audit", "show", ticket, "--json").json()
            return any(row["record"]["action"] == "agent.session-ended" for row in rows)

        wait_until("the agent's last journal entry in the log", ended)
        yield Scene(world, ana, machine, ticket)


def test_auditor_and_technician_verify_the_log_of_a_real_session(scene: Scene) -> None:
    whole = scene.world.admin("audit", "verify", "--ticket", scene.ticket, "--json").json()
    assert whole["ok"] and whole["first_bad"] is None
    assert (whole["counts"]["grants"], whole["counts"]["consents"]) == (1, 1)
    assert whole["counts"]["enrolments"] == 1
    limited = scene.ana("audit", "verify", "--json").json()
    assert limited["ok"]
    assert "hashes-only" in [row["notice"] for row in limited["warnings"]]
    again = scene.world.admin("audit", "verify", "--json").json()
    assert again["size"] > whole["size"], "reading the log is itself recorded"
    assert again["warnings"] == []


def test_the_story_is_told_in_the_readers_language(scene: Scene) -> None:
    said = scene.ana("audit", "show", scene.ticket).out
    assert "Ana Test asked for a session." in said
    assert "The user agreed, on the machine ag-" in said
    assert "Ana Test pidió una sesión." in scene.ana("audit", "show", scene.ticket, "--lang", "es").out
    scene.ana("audit", "show", "T-999", status=3)


def test_an_exported_ticket_verifies_without_the_broker(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "ticket.json"
    scene.world.admin("audit", "export", scene.ticket, "-o", str(file))
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert scene.world.broker is not None
    scene.world.broker.terminate()
    try:
        good = scene.world.admin("audit", "verify", "--file", str(file), "--json").json()
        assert good["ok"] and good["counts"]["consents"] == 1
        content = json.loads(file.read_text())
        content["entries"][2]["record"] = content["entries"][1]["record"]
        file.write_text(json.dumps(content))
        bad = scene.world.admin("audit", "verify", "--file", str(file), "--json", status=8).json()
        assert bad["first_bad"] == content["entries"][2]["index"]
        file.write_text("{}")
        scene.world.admin("audit", "verify", "--file", str(file), status=2)
    finally:
        scene.world.start_broker()


class TurnedBroker:
    """The broker's own disk and keys in the hands of somebody who wants another past."""

    def __init__(self, world: World) -> None:
        assert world.broker is not None
        self._world = world
        world.broker.terminate()
        config: Config = load_config(world.broker_data)
        self._log = load_identity(config).log
        self._db = sqlite3.connect(world.broker_data / "broker.db")

    def records(self) -> list[tuple[int, AuditRecord]]:
        rows = self._db.execute("SELECT idx, record FROM audit ORDER BY idx").fetchall()
        return [(idx, from_json(record, AuditRecord)) for idx, record in rows]

    def rewrite(self, idx: int, record: AuditRecord) -> None:
        salt, body = b"\x07" * 16, to_json(record)
        self._db.execute(
            "UPDATE audit SET salt = ?, record = ?, leaf = ? WHERE idx = ?",
            (salt, body, leaf_data(salt, body), idx),
        )

    def cut(self, size: int) -> None:
        self._db.execute("DELETE FROM audit WHERE idx >= ?", (size,))

    def sign_and_serve(self) -> None:
        leaves = [row[0] for row in self._db.execute("SELECT leaf FROM audit ORDER BY idx")]
        root = root_of(leaf_hash(leaf) for leaf in leaves)
        at = self._db.execute("SELECT at FROM checkpoints LIMIT 1").fetchone()[0]
        self._db.execute("DELETE FROM checkpoints")
        self._db.execute(
            "INSERT INTO checkpoints (size, root, note, at) VALUES (?, ?, ?, ?)",
            (len(leaves), root, self._log.sign(len(leaves), root), at),
        )
        self._db.commit()
        self._db.close()
        self._world.start_broker()


def test_a_broker_that_rewrites_its_past_and_signs_it_anew_is_caught_at_the_entry(scene: Scene) -> None:
    import msgspec

    admin = scene.world.admin
    assert admin("audit", "verify", "--json").json()["ok"]
    size = scene.ana("audit", "verify", "--json").json()["size"]
    turned = TurnedBroker(scene.world)
    idx, record = next((idx, record) for idx, record in turned.records() if record.action == "ticket.created")
    turned.rewrite(idx, msgspec.structs.replace(record, customer="other"))
    turned.sign_and_serve()
    verdict = admin("audit", "verify", "--json", status=8)
    assert verdict.json()["first_bad"] == idx
    assert verdict.json()["fault"] == "leaf-changed"
    assert f"entry {idx}" in verdict.err
    assert f": {idx}." in admin("audit", "verify", "--lang", "es", status=8).out
    assert scene.ana("audit", "verify", "--json", status=8).json()["first_bad"] == idx
    turned = TurnedBroker(scene.world)
    turned.rewrite(idx, record)
    turned.cut(size - 3)
    turned.sign_and_serve()
    assert admin("audit", "verify", "--json", status=8).json()["first_bad"] == idx


def test_a_newcomer_is_told_of_a_forged_consent_by_its_entry(scene: Scene, tmp_path: Path) -> None:
    """Runs last: the log is not what it was."""
    import msgspec

    turned = TurnedBroker(scene.world)
    idx, record = next(
        (idx, record) for idx, record in turned.records() if record.action == "session.consented"
    )
    consent = json.loads(record.evidence[0])
    consent["signatures"][0]["sig"] = consent["signatures"][0]["sig"][:-8] + "AAAAAAA="
    forged = msgspec.structs.replace(record, evidence=(json.dumps(consent).encode(),))
    turned.rewrite(idx, forged)
    turned.sign_and_serve()
    home = tmp_path / "auditor"
    auditor = Person(scene.world, "auditor", home, scene.world.admin.key)
    auditor("login", scene.world.url, "--key", str(auditor.key), "--root", scene.world.root_sha256)
    verdict = auditor("audit", "verify", "--json", status=8).json()
    assert verdict["first_bad"] is not None
    assert verdict["fault"] in ("consent-signature", "root-mismatch")
    assert verdict["first_bad"] == idx
