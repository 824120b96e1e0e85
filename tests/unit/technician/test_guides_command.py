"""`relevo org guide lint`: what is wrong with a guide is said with its file and its place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from protocol.drivers.guides import NAMES
from protocol.drivers.terminal import run
from protocol.wording import technician
from technician.cli import cli
from tests.support.world import ROOT

SHIPPED = ROOT / "protocol" / "guides"


def _lint(*arguments: object) -> int:
    return run(cli, technician.TABLE, arguments=["org", "guide", "lint", *map(str, arguments)])


def _changed(folder: Path, old: str, new: str) -> Path:
    text = (SHIPPED / "printer.toml").read_text()
    assert old in text
    path = folder / "printer.toml"
    path.write_text(text.replace(old, new))
    return path


def test_the_shipped_guides_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert _lint(SHIPPED, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["guide"] for row in rows} == set(NAMES)
    assert all(row["problems"] == [] for row in rows)


def test_the_first_fault_is_named_with_its_file_and_its_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _changed(tmp_path, 'no = "others"', 'no = "nobody"')
    assert _lint(SHIPPED / "login.toml", path) == 2
    said = capsys.readouterr()
    assert f"{path}: paper.no: there is no step nobody" in said.err
    assert "login.toml: version" in said.out


def test_every_fault_of_every_file_is_listed_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _changed(tmp_path, 'no = "others"', 'no = "switch"')
    (tmp_path / "torn.toml").write_text('id = "torn"\nsteps = oops\n')
    assert _lint(tmp_path, "--json") == 2
    printer, torn = json.loads(capsys.readouterr().out)
    assert "others: nothing leads here" in printer["problems"]
    assert torn["guide"] is None
    assert "line 2" in torn["problems"][0]


def test_a_guide_under_another_name_and_one_that_is_there_twice_are_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(SHIPPED / "printer.toml", tmp_path / "copy.toml")
    assert _lint(SHIPPED / "printer.toml", tmp_path, "--json") == 2
    (_, copy) = json.loads(capsys.readouterr().out)
    assert copy["problems"] == [
        "id: printer wants to lie in printer.toml",
        f"id: {SHIPPED / 'printer.toml'} has the same one",
    ]


def test_no_file_and_a_folder_without_guides_are_refused(tmp_path: Path) -> None:
    assert _lint(tmp_path) == 2
    assert _lint(tmp_path / "gone.toml") == 3
    assert _lint() == 2
