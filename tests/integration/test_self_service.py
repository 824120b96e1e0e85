"""`relevo-agent ask` end to end: a real fault, repaired without a person; then a person, with everything attached."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.world import ROOT, Machine, Person, World, wait_until, world_in

ARTICLE = """
kind = "troubleshooting"
visibility = "public"
fixes = ["hosts-entry", "no-such-fix"]

[es]
title = "El programa dice que ya está en marcha"
symptoms = "bloqueo, archivo de bloqueo, programa ya en marcha"
body = "Cierre el programa del todo y vuelva a abrirlo."

[en]
title = "The program says that it is running already"
symptoms = "locked, lock file, program is already running"
body = "Close the program wholly and open it again. \\u202egnp.exe <b>[bold]x[/bold]</b>"
"""
LOCK = Path(f"/tmp/relevo-self-service-test-{os.getpid()}.lock")


class Stage(NamedTuple):
    world: World
    ana: Person
    machine: Machine
    article: str


def a_stale_lock() -> None:
    LOCK.write_text("999999\n")
    os.utime(LOCK, (1_700_000_000, 1_700_000_000))


def runs(world: World) -> list[tuple[str, str, str | None, str]]:
    with sqlite3.connect(f"file:{world.broker_data}/broker.db?mode=ro", uri=True, timeout=30) as database:
        return database.execute(
            "SELECT outcome, category, ticket, fixes FROM self_service_runs ORDER BY id"
        ).fetchall()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with world_in(tmp_path_factory.mktemp("self")) as world:
        world.init_organisation()
        world.start_broker()
        world.admin("org", "customer", "add", "acme", "--name", "Acme")
        for fix in ("stale-lock", "hosts-entry"):
            world.admin("org", "fix", "add", str(ROOT / "fixes" / fix))
        world.admin("org", "known-error", "add", str(ROOT / "fixes" / "known-errors" / "stale-lock"))
        ana, ben = world.technician("ana"), world.technician("ben")
        (world.folder / "article.toml").write_text(ARTICLE)
        article = ana("kb", "new", "article.toml", "--json").json()["article"]
        ana("kb", "review", article)
        ben("kb", "publish", article, "--version", "2")
        try:
            yield Stage(world, ana, world.machine(), article)
        finally:
            LOCK.unlink(missing_ok=True)


def test_a_known_fault_is_repaired_by_its_user_and_nobody_else_is_needed(stage: Stage) -> None:
    a_stale_lock()
    told = stage.machine(
        "ask", "The backup says it is locked", "--diagnose", "yes", "--fix", "stale-lock", "--param", f"path={LOCK}",
        "--solved", "yes", "--json",
    )  # fmt: skip
    story = told.json()
    assert (story["outcome"], story["ticket"], story["known_errors"]) == ("solved", None, ["stale-lock"])
    assert story["fixes"] == [{"fix": "stale-lock", "state": "succeeded"}]
    assert f"Remove {LOCK}" in told.err
    assert not LOCK.exists()
    assert stage.machine("tickets", "--json").json() == []
    found = wait_until("the run to be told", lambda: runs(stage.world))
    assert found[0][:3] == ("solved", "other", None)
    assert json.loads(found[0][3])[0]["state"] == "succeeded"


def test_what_was_not_solved_goes_to_a_person_with_all_that_was_tried(stage: Stage) -> None:
    a_stale_lock()
    told = stage.machine(
        "ask", "The backup says it is locked", "--diagnose", "yes", "--fix", "stale-lock", "--param", f"path={LOCK}", "--solved", "no",
        "--guide", "application", "--answer", "when=not-start", "--answer", "lock=yes",
        "--answer", "restart=no", "--json",
    )  # fmt: skip
    story = told.json()
    ticket = story["ticket"]
    assert (story["outcome"], story["category"]) == ("ticket", "software")
    assert story["articles"] == [stage.article]
    assert [fix["fix"] for fix in story["fixes"]] == ["stale-lock"], "no other fix was offered by the article"
    assert [visit["step"] for visit in story["path"]] == [
        "when",
        "lock",
        "articles-lock",
        "restart",
        "articles",
    ]
    view = stage.ana("ticket", "show", ticket, "--json").json()
    assert view["ticket"]["category"] == "software"
    (tried,) = [event["text"] for event in view["timeline"] if event["kind"] == "self-service.recorded"]
    assert stage.article in tried
    assert "stale-lock/1 succeeded" in tried
    artifacts = stage.ana("artifact", "list", ticket, "--json").json()
    rows = artifacts["rows"] if isinstance(artifacts, dict) else artifacts
    assert sorted(row["kind"] for row in rows) == ["bundle", "fix-run"]
    bundle = next(row["artifact"] for row in rows if row["kind"] == "bundle")
    stage.ana("artifact", "get", bundle, "-o", "bundle.json")
    content = json.loads((stage.world.folder / "bundle.json").read_text())
    assert (content["manifest"]["ticket"], content["manifest"]["clearance"]) == (ticket, "R1")
    matched = stage.ana("kb", "matches", ticket, "--json").out
    assert "stale-lock" in matched


def test_without_a_terminal_a_ticket_is_opened_at_once(stage: Stage) -> None:
    before = len(runs(stage.world))
    assert stage.machine.ask("Direct, as ever").startswith("T-")
    assert stage.machine("ask", "Direct again", "--direct").out.strip().startswith("T-")
    stage.machine("ask", "Both", "--direct", "--diagnose", "yes", status=2)
    assert len(runs(stage.world)) == before


def test_while_the_broker_is_away_what_was_done_is_kept_and_told_later(stage: Stage) -> None:
    before = len(runs(stage.world))
    assert stage.world.broker is not None
    stage.world.broker.terminate()
    told = stage.machine("ask", "No network", "--diagnose", "no", "--guide", "no-network",
                         "--answer", "cable=yes", "--solved", "yes", "--json")  # fmt: skip
    assert told.json()["outcome"] == "solved"
    assert len(list((stage.machine.data / "outbox").iterdir())) == 1
    assert stage.machine.running is not None
    stage.machine.running.terminate()
    stage.world.start_broker()
    stage.machine.start()
    wait_until("the run to be told", lambda: len(runs(stage.world)) == before + 1)
    wait_until("the outbox to be empty", lambda: not list((stage.machine.data / "outbox").iterdir()))


def test_the_log_proves_all_of_it_and_the_receipt_says_it_in_words(stage: Stage) -> None:
    verified = stage.world.admin("audit", "verify")
    assert "verifies" in verified.out
    assert "not theirs" not in verified.err
    first = stage.machine("receipts", "--json").json()[0]["session"]
    receipt = stage.machine("receipts", first).out
    assert "You ran the repair “Remove a lock that nobody holds any more”" in receipt
    assert "You ended it: it was solved." in receipt
