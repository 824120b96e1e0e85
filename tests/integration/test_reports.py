"""`relevo report` end to end: real programs, a broker whose database holds two thousand tickets of two customers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import seeding
from protocol.reports import ReportName
from tests.support.world import Person, World, world_in

TICKETS = 2_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("reports")) as world:
        world.found(customers=("k1", "k2"), fixes=False)
        database = world.folder / "broker" / "broker.db"
        seeding.fill(database, TICKETS, datetime.now(UTC) - timedelta(minutes=5), spread=timedelta(days=60))
        yield world


@pytest.fixture(scope="module")
def ana(world: World) -> Person:
    return world.technician("ana", tier=1, customer="k1")


def test_each_report_is_shown_to_people_and_programs(ana: Person) -> None:
    for name in ReportName:
        found = ana("report", name.value, "--since", "90d", "--json").json()
        assert found["name"] == name.value and found["figures"]
        assert set(found["customers"]) <= {"k1"}, "a technician sees their own customer"
    assert (
        "Resolved by the first tier (FLR): Tickets resolved by L1"
        in ana("report", "tiers", "--since", "90d").out
    )
    assert "Tiques pendientes" in ana("--lang", "es", "report", "backlog").out


def test_a_table_and_a_plot_are_written_where_they_are_asked_for(ana: Person, tmp_path: Path) -> None:
    table, plot = tmp_path / "backlog.csv", tmp_path / "backlog.svg"
    written = ana("report", "backlog", "--since", "30d", "--csv", str(table), "--plot", str(plot))
    assert written.out == "" and "backlog.csv" in written.err
    rows = list(csv.DictReader(io.StringIO(table.read_text(), newline="")))
    whole = next(row for row in rows if row["metric"] == "backlog" and row["statistic"] == "count")
    ages = [row for row in rows if row["age"] and row["statistic"] == "count"]
    assert float(whole["value"]) == sum(float(row["value"]) for row in ages)
    assert len([row for row in rows if row["statistic"] == "point"]) >= 30
    assert "k2" not in table.read_text() and "k2" not in plot.read_text()
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")
    assert plot.stat().st_mode & 0o077 == 0


def test_what_makes_no_sense_or_is_not_ones_own_is_refused_in_words(ana: Person) -> None:
    assert "k2" not in ana("report", "sla", "--customer", "k2", status=3).out
    ana("report", "sla", "--from", "2026-11-02", "--to", "2026-11-01", status=2)
    ana("report", "sla", "--chart", "age", status=2)
    ana("report", "sla", "--plot", "x.svg", "--chart", "pie", status=2)
    ana("report", "self-service", "--tier", "1", status=2)
    ana("report", "nothing", status=2)
