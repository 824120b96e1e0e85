"""Guides: every command in them is one that the programs understand, every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import NotACommand, require_understood, split
from tests.support.guides import blocks, guides, inline_code
from tests.support.wording import tables
from tests.support.world import ROOT

GUIDES = guides()
_IDS = [str(path.relative_to(ROOT)) for path in GUIDES]
_LINK = re.compile(r"\]\(([^)#\s]+)?(#[^)\s]+)?\)")
_TWO_LANGUAGES = ("user", "technician")


@pytest.mark.parametrize("path", GUIDES, ids=_IDS)
def test_every_command_line_is_understood(path: Path) -> None:
    for block in blocks(path):
        if block.kind != "sh":
            continue
        for line in block.commands:
            words = split(line)
            assert words or line.split()[0] in ("make", "pip", "ssh-keygen", "sh"), line
            if words:
                require_understood(words)
    for code in inline_code(path):
        if code.startswith("relevo") and " " in code and "…" not in code and (words := split(code)):
            require_understood(words, whole=False)


def test_the_examples_that_programs_show_are_understood() -> None:
    for name, table in tables().items():
        for key, texts in table.items():
            if key.endswith(".example") and key != "help.example":
                for text in texts:
                    for line in text.splitlines():
                        try:
                            require_understood(split(line))
                        except NotACommand as error:
                            raise AssertionError(f"{name}: {key}: {error}") from error


def test_services_start_commands_that_exist() -> None:
    found = 0
    for path in sorted((ROOT / "docs" / "examples").iterdir()):
        for line in re.findall(r"^(?:ExecStart|command)=(.*)$", path.read_text(), re.M):
            require_understood(split(line))
            found += 1
    assert found == 6


@pytest.mark.parametrize("line", ["relevo tickets", "relevo ticket take", "relevo fix list --all T-1",
                                  "relevo ticket list --state lost", "relevo-agent stop now", "relevo"])  # fmt: skip
def test_a_wrong_command_line_would_be_found(line: str) -> None:
    with pytest.raises(NotACommand):
        require_understood(split(line))


@pytest.mark.parametrize("path", [*GUIDES, *sorted((ROOT / "docs" / "adr").glob("*.md"))], ids=str)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target, anchor in _LINK.findall(path.read_text()):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), f"{path.name}: {target}"
        if anchor:
            assert anchor[1:] in _anchors(there), f"{path.name}: {target}{anchor}"


def _anchors(path: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", _TWO_LANGUAGES)
def test_guides_in_two_languages_show_the_same_commands(name: str) -> None:
    def shape(path: Path) -> list[list[str]]:
        lines = [split(line) for block in blocks(path) if block.kind == "sh" for line in block.commands]
        return [[word for word in words if word.islower() and " " not in word][:3] for words in lines]

    english, spanish = ROOT / "docs" / f"{name}.md", ROOT / "docs" / f"{name}.es.md"
    assert len(shape(english)) == len(shape(spanish))
    assert [words[:2] for words in shape(english)] == [words[:2] for words in shape(spanish)]


def test_decisions_are_numbered_once_and_listed() -> None:
    folder = ROOT / "docs" / "adr"
    names = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    index = (folder / "README.md").read_text()
    for name in names:
        title = (folder / name).read_text().splitlines()[0].removeprefix(f"# {name[:4]} ")
        assert f"[{name[:4]}]({name}) | {title} |" in index, name


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for unit in sorted((ROOT / "docs" / "examples").glob("*.service")):
        text = unit.read_text().replace("/opt/relevo/bin/", "/bin/true ").replace("User=relevo", "User=root")
        text = re.sub(r"/bin/true relevo-\w+", "/bin/true", text)
        copy = tmp_path / unit.name
        copy.write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(copy)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        complaints = [line for line in done.stderr.splitlines() if unit.name in line]
        assert not complaints, complaints
