"""Known errors kept for the next quick command: only what is still published, and not for long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from protocol.errors import Code, RelevoError
from technician.catalogue import FRESH, Catalogue, forget, keep, kept
from tests.support.known_errors import known_error

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
CATALOGUE = Catalogue((known_error(), known_error("full-disk")), frozenset({("full-disk", 1)}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    keep(tmp_path, CATALOGUE, 7, NOW)
    return tmp_path


def test_what_is_kept_comes_back_whole_and_is_the_owners_alone(home: Path) -> None:
    assert kept(home, NOW + FRESH, lambda: 7) == CATALOGUE
    assert [one.id for one in CATALOGUE.suggested()] == ["stale-lock"]
    (file,) = home.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_empty_catalogue_is_an_answer_too(tmp_path: Path) -> None:
    keep(tmp_path, Catalogue((), frozenset()), 1, NOW)
    assert kept(tmp_path, NOW, lambda: 1) == Catalogue((), frozenset())


@pytest.mark.parametrize("published", [8, 6, None])
def test_another_publication_or_no_answer_is_verified_anew(home: Path, published: int | None) -> None:
    assert kept(home, NOW, lambda: published) is None


@pytest.mark.parametrize("off", [FRESH + timedelta(seconds=1), timedelta(seconds=-1)])
def test_neither_an_old_copy_nor_one_of_a_clock_ahead_is_used(home: Path, off: timedelta) -> None:
    def nobody_asks() -> int:
        raise AssertionError("it was not worth asking")

    assert kept(home, NOW + off, nobody_asks) is None


def test_a_holder_that_is_gone_or_older_than_the_question_costs_no_diagnosis(home: Path) -> None:
    def gone() -> int:
        raise RelevoError(Code.SESSION_LOST, "T-1")

    assert kept(home, NOW, gone) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"known": [1]}', b"\xff" * 100])
def test_a_damaged_copy_is_no_copy(home: Path, content: bytes) -> None:
    (home / "known-errors.json").write_bytes(content)
    assert kept(home, NOW, lambda: 7) is None


def test_what_was_forgotten_is_gone(home: Path) -> None:
    forget(home)
    forget(home)
    assert kept(home, NOW, lambda: 7) is None


def test_a_copy_that_cannot_be_removed_is_named_in_one_error(home: Path) -> None:
    path = home / "known-errors.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(RelevoError) as error:
        forget(home)
    assert error.value.code is Code.CANNOT_RECORD
    assert str(path) in error.value.detail


def test_forgetting_what_was_not_kept_is_nothing(tmp_path: Path) -> None:
    forget(tmp_path / "missing")
