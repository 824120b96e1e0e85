"""Searching log files: what is a source, what is read, what hostile files cannot do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.logs import blocks as blocks_module
from agent.logs.blocks import LINE_WINDOW, blocks
from agent.logs.clean import Cleaner, key_spans
from agent.logs.matcher import Matcher
from agent.logs.newest import Newest
from agent.logs.search import FileSearch, Outcome, Range
from agent.logs.sources import base_name, find_files, folders_of, open_log, parse_source
from agent.redaction import Known, Redactor
from protocol.assist import LogLine
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance

KEY = b"k" * 32
START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def cleaner(clearance: Clearance = Clearance.R3) -> Cleaner:
    return Cleaner(Redactor(clearance, KEY, known=Known()), Redactor(Clearance.R1, KEY, known=Known()))


def search(
    folder: Path,
    pattern: str | None = None,
    source: str | None = None,
    *,
    limit: int = 1_000,
    since: datetime | None = None,
    until: datetime | None = None,
    clearance: Clearance = Clearance.R3,
) -> tuple[list[LogLine], Newest, Outcome]:
    newest = Newest(limit)
    files = FileSearch(
        Matcher(pattern), cleaner(clearance), newest, Range(since, until), progress=lambda _done: None
    )
    outcome = files.run(find_files((str(folder),), parse_source(source)))
    return newest.lines(), newest, outcome


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


def write(path: Path, lines: list[str], when: datetime | None = None) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    stamp = (when or START + timedelta(days=1)).timestamp()
    os.utime(path, (stamp, stamp))
    return path


# --- sources -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    ["/etc/passwd", "../etc/passwd", "a/../../b", "a//b", ".", "..", "a/./b", "a\0b", "a\nb", "a\\b", "",
     "journal:", "journal:--help", "journal:a b", "journal:/x", "journal:a\nb"],
)  # fmt: skip
def test_a_source_that_is_no_name_below_the_folders_is_refused(source: str) -> None:
    with pytest.raises(RelevoError) as caught:
        parse_source(source)
    assert caught.value.code is Code.PARAMETER_INVALID


@given(st.text(max_size=60))
@settings(max_examples=120, deadline=None)
def test_no_source_leads_out_of_the_folder(source: str) -> None:
    try:
        wanted = parse_source(source)
    except RelevoError:
        return
    assert ".." not in wanted.name.split("/")
    assert not wanted.name.startswith("/")


def test_a_name_means_the_rotated_files_too_and_a_folder_all_below_it(logs: Path) -> None:
    for name in (
        "syslog",
        "syslog.1",
        "syslog.2.gz",
        "syslog-20261101",
        "syslogger",
        "nginx/a.log",
        "nginx/b/c.log",
    ):
        write(logs / name, ["x"])
    names = lambda source: [file.name for file in find_files((str(logs),), parse_source(source)).files]  # noqa: E731
    assert names("syslog") == ["syslog", "syslog-20261101", "syslog.1", "syslog.2.gz"]
    assert names("nginx") == ["nginx/a.log", "nginx/b/c.log"]
    assert names("nginx/a.log") == ["nginx/a.log"]
    assert names("nothing") == []


@pytest.mark.parametrize(
    ("name", "base"),
    [("syslog.1", "syslog"), ("syslog.2.gz", "syslog"), ("a/b.log-20261121.xz", "a/b.log"), ("dpkg.log", "dpkg.log"),
     ("x.log.old", "x.log"), ("php7.4-fpm.log", "php7.4-fpm.log")],
)  # fmt: skip
def test_what_a_rotated_file_was_called(name: str, base: str) -> None:
    assert base_name(name) == base


def test_links_pipes_and_binary_files_are_not_read(logs: Path, tmp_path: Path) -> None:
    secret = write(tmp_path / "outside.log", ["outside"])
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder" / "f.log", ["outside"])
    (logs / "link.log").symlink_to(secret)
    (logs / "folder").symlink_to(tmp_path / "folder")
    os.mkfifo(logs / "pipe.log")
    (logs / "wtmp").write_bytes(b"outside\n")
    (logs / "system.journal").write_bytes(b"outside\n")
    (logs / "program.log").write_bytes(bytes(range(256)) * 40 + b"outside\n")
    write(logs / "real.log", ["inside"])
    lines, _, outcome = search(logs)
    assert texts(lines) == ["inside"]
    assert outcome.sources == ["real.log"]


def test_a_file_that_became_a_link_or_a_pipe_meanwhile_is_not_opened(logs: Path, tmp_path: Path) -> None:
    for swap in (lambda path: path.symlink_to(write(tmp_path / "o.log", ["outside"])), os.mkfifo):
        path = write(logs / "a.log", ["inside"])
        (file,) = find_files((str(logs),), parse_source("a.log")).files
        path.unlink()
        swap(path)
        with pytest.raises(OSError):
            open_log(file)
        path.unlink()


def test_a_folder_that_became_a_link_meanwhile_is_not_followed(logs: Path, tmp_path: Path) -> None:
    write(logs / "app" / "a.log", ["inside"])
    (file,) = find_files((str(logs),), parse_source("app")).files
    (logs / "app").rename(tmp_path / "away")
    write(tmp_path / "other" / "a.log", ["outside"])
    (logs / "app").symlink_to(tmp_path / "other")
    with pytest.raises(OSError):
        open_log(file)


def test_only_this_machine_adds_folders(tmp_path: Path) -> None:
    assert folders_of(tmp_path) == ("/var/log",)
    (tmp_path / "log-folders.json").write_text('["/srv/app/log"]')
    assert folders_of(tmp_path) == ("/var/log", "/srv/app/log")
    for bad in ('["relative"]', '["/"]', '["/srv/../etc"]', "{}", '"/etc"'):
        (tmp_path / "log-folders.json").write_text(bad)
        with pytest.raises(RelevoError):
            folders_of(tmp_path)


# --- search ------------------------------------------------------------------------------------


def test_lines_of_all_files_are_merged_by_time(logs: Path) -> None:
    write(logs / "a.log", [f"{at(0)} a0", f"{at(2)} a2", f"{at(4)} a4"])
    write(logs / "b.log", [f"{at(1)} b1", "  more of b1", f"{at(3)} b3"])
    with gzip.open(logs / "a.log.1.gz", "wt") as file:
        file.write(f"{at(-5)} old\n")
    with lzma.open(logs / "a.log.2.xz", "wt") as file:
        file.write(f"{at(-6)} older\n")
    with bz2.open(logs / "a.log.3.bz2", "wt") as file:
        file.write(f"{at(-7)} oldest\n")
    lines, newest, _ = search(logs)
    assert [line.text.split()[-1] for line in lines] == [
        "oldest",
        "older",
        "old",
        "a0",
        "b1",
        "b1",
        "a2",
        "b3",
        "a4",
    ]
    assert lines[5].at == lines[4].at
    assert not newest.truncated


def test_a_range_of_time_is_kept_to_the_second_also_in_a_large_file(logs: Path) -> None:
    write(logs / "big.log", [f"{at(i / 60)} line {i} {'x' * 60}" for i in range(40_000)])
    since, until = START + timedelta(seconds=20_000), START + timedelta(seconds=20_009)
    lines, newest, outcome = search(logs, since=since, until=until)
    assert [line.text.split()[2] for line in lines] == [str(i) for i in range(20_000, 20_010)]
    assert newest.added == 10
    assert outcome.scanned < (logs / "big.log").stat().st_size / 10


def test_a_range_is_found_in_a_file_that_is_out_of_order(logs: Path) -> None:
    order = [*range(20_000, 40_000), *range(20_000)]
    write(logs / "big.log", [f"{at(i / 60)} line {i} {'x' * 60}" for i in order])
    lines, _, _ = search(logs, since=START + timedelta(seconds=5), until=START + timedelta(seconds=8))
    assert [line.text.split()[2] for line in lines] == ["5", "6", "7", "8"]


def test_the_newest_lines_are_kept_and_all_are_counted(logs: Path) -> None:
    write(logs / "a.log", [f"{at(i)} line {i}" for i in range(50_000)])
    for pattern in (None, "line"):
        lines, newest, _ = search(logs, pattern, limit=3)
        assert [line.text.split()[-1] for line in lines] == ["49997", "49998", "49999"]
        assert newest.added == 50_000
        assert newest.truncated


def test_a_pattern_is_tried_line_by_line(logs: Path) -> None:
    write(logs / "a.log", ["one", "two", "three one"])
    assert texts(search(logs, "^one$")[0]) == ["one"]
    assert texts(search(logs, "one")[0]) == ["one", "three one"]
    assert texts(search(logs, r"e\stwo|e[^x]two")[0]) == []
    assert texts(search(logs, "(?i)TWO|zzz")[0]) == ["two"]
    assert len(search(logs, "x*")[0]) == 3


@pytest.mark.parametrize("pattern", ["(", "a{2000}", "((a{100}){100}){100}", r"\1", "(?=a)", "[z-a]"])
def test_a_pattern_that_is_no_re2_expression_is_refused(pattern: str) -> None:
    with pytest.raises(RelevoError) as caught:
        Matcher(pattern)
    assert caught.value.code is Code.PARAMETER_INVALID


def test_a_pattern_that_kills_other_engines_is_quick(logs: Path) -> None:
    write(logs / "a.log", ["a" * 30_000 + "!"])
    assert search(logs, "(a+)+$")[0] == []


# --- secrets -----------------------------------------------------------------------------------


def test_counting_matches_does_not_tell_a_secret(logs: Path) -> None:
    write(logs / "a.log", [f"{at(0)} login password=hunter2 ok"])
    lines, newest, _ = search(logs, "password=h")
    assert (lines, newest.added, newest.secrets) == ([], 0, 0)
    lines, newest, _ = search(logs, "login password")
    assert texts(lines) == [f"{at(0)} login password=<secret:password> ok"]
    assert newest.secrets == 1


def test_counting_matches_does_not_tell_an_address_to_r1(logs: Path) -> None:
    write(logs / "a.log", [f"{at(0)} from 10.1.2.3"])
    assert search(logs, "10.1.2", clearance=Clearance.R1)[0] == []
    (line,) = search(logs, "from", clearance=Clearance.R1)[0]
    token = line.text.split()[-1]
    assert texts(search(logs, token, clearance=Clearance.R1)[0]) == [line.text]
    assert search(logs, "10.1.2", clearance=Clearance.R2)[1].added == 1


@pytest.mark.parametrize("before", [0, 20, 4_000, 9_000])
def test_no_line_of_a_private_key_is_shown_wherever_blocks_are_cut(logs: Path, before: int) -> None:
    body = [f"Q2FuYXJ5{i:04d}bm90IHRvIGJlIHNlZW4K" for i in range(60)]
    filler = [f"{at(i)} filler {'x' * 50}" for i in range(before)]
    key = ["-----BEGIN OPENSSH PRIVATE KEY-----", *body, "shorttail==", "-----END OPENSSH PRIVATE KEY-----"]
    write(logs / "a.log", [*filler, *key, "after the key Q2 end"])
    for pattern in (None, "Q2FuYXJ5", "Q2", "=="):
        shown = "\n".join(texts(search(logs, pattern, limit=100_000)[0]))
        assert "Q2FuYXJ5" not in shown
        assert "shorttail" not in shown
    assert "after the key" in "\n".join(texts(search(logs, "end")[0]))


@pytest.mark.parametrize("name", ["password:", "  db_password: |", "<password>"])
def test_a_value_on_the_line_below_its_name_is_not_shown(logs: Path, name: str) -> None:
    write(logs / "a.log", [name, "    canary77x", "next: words"])
    for pattern in (None, "c", "canary", "7"):
        assert "canary" not in "\n".join(texts(search(logs, pattern)[0]))
    assert texts(search(logs, "words")[0]) == ["next: words"]


@given(st.binary(max_size=300), st.integers(0, 300))
@settings(max_examples=120, deadline=None)
def test_where_keys_stand_does_not_depend_on_where_blocks_are_cut(noise: bytes, cut: int) -> None:
    data = noise + b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\nBBBB\n-----END RSA PRIVATE KEY-----\nafter"
    first, second = data[:cut], data[cut:]
    covered = {i for a, b in key_spans(b"", first) for i in range(a, b)}
    covered |= {cut + i for a, b in key_spans(first, second) for i in range(a, b)}
    begin = data.find(b"-----BEGIN RSA PRIVATE")
    if not begin < cut < begin + 30:  # the blocks of a search are cut between lines
        where = data.find(b"AAAA\nBBBB", len(noise))
        assert set(range(where, where + 9)) <= covered


def test_the_r1_copy_of_what_a_higher_clearance_sees_holds_no_identifier() -> None:
    one = Cleaner(Redactor(Clearance.R2, KEY, known=Known()), Redactor(Clearance.R1, KEY, known=Known()))
    line = one.line(None, "host-10.1.2.3.log", one.text(b"from 10.1.2.3 for user ana")[0])
    assert "10.1.2.3" in line.text
    (again,) = one.r1((line,))
    assert "10.1.2.3" not in again.text + again.source
    assert "ana" not in again.text


# --- hostile content ---------------------------------------------------------------------------


def test_a_very_long_line_is_cut_and_says_so_and_the_next_lines_are_found(logs: Path) -> None:
    long = "y" * (3 << 20)
    write(
        logs / "a.log",
        [f"{at(0)} first {long}", f"{at(1)} second", f"{at(2)} first {long}", f"{at(3)} third"],
    )
    lines, _, _ = search(logs)
    assert [line.text[26:32] for line in lines] == ["first ", "second", "first ", "third"]
    assert all(len(line.text) <= 16_384 for line in lines)
    assert lines[0].text.endswith("[line cut]")


def test_a_secret_at_the_place_where_a_line_is_cut_is_not_cut_in_half(logs: Path) -> None:
    for at_ in (16_350, 16_370, 16_380):
        write(logs / "a.log", ["z" * at_ + " password=canarysecret77 " + "z" * 40_000])
        shown = search(logs)[0][0].text
        assert "canary" not in shown


def test_nul_escapes_and_bad_utf8_are_text(logs: Path) -> None:
    (logs / "a.log").write_bytes(b"plain words and \x1b[2J then \xff\xfe and a torn\0end of it all\n" * 3)
    lines, _, _ = search(logs)
    assert len(lines) == 3
    assert "\\xff" in lines[0].text


def test_utf_16_logs_are_read_and_redacted(logs: Path) -> None:
    (logs / "a.log").write_bytes("first password=canary77\nsecond\n".encode("utf-16"))
    assert texts(search(logs)[0]) == ["first password=<secret:password>", "second"]
    assert texts(search(logs, "second")[0]) == ["second"]


def test_a_gzip_bomb_stops_at_the_limit_and_says_so(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks_module, "_FREE_UNPACKED", 1 << 20)
    with gzip.open(logs / "bomb.log.1.gz", "wb") as file:
        file.write(b"begin\n" + bytes(1 << 25).replace(b"\0", b"a"))
    lines, _, outcome = search(logs, "begin")
    assert texts(lines) == ["begin"]
    assert outcome.unreadable == ["bomb.log.1.gz: unpacks to more than the limit; searched up to there"]


def test_damaged_archives_are_listed_and_read_up_to_the_damage(logs: Path) -> None:
    raw = io.BytesIO()
    with gzip.GzipFile(fileobj=raw, mode="wb") as file:
        file.write("".join(f"line {i}\n" for i in range(50_000)).encode())
    (logs / "a.log.1.gz").write_bytes(raw.getvalue()[:-2_000])
    (logs / "b.log.1.gz").write_bytes(b"not gzip at all\n")
    (logs / "c.log.1.xz").write_bytes(b"\xfd7zXZ\0garbage")
    lines, _, outcome = search(logs, "line 1$")
    assert texts(lines) == ["line 1"]
    assert len(outcome.unreadable) == 3


def test_members_of_a_gzip_file_are_read_one_after_another(logs: Path) -> None:
    (logs / "a.log.1.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert texts(search(logs)[0]) == ["one", "two"]


def test_what_may_not_be_read_is_listed(logs: Path) -> None:
    write(logs / "a.log", ["x"])
    (file,) = (found := find_files((str(logs),), parse_source(None))).files
    (logs / "a.log").unlink()
    newest = Newest(10)
    files = FileSearch(Matcher(None), cleaner(), newest, Range(None, None), lambda _done: None)
    outcome = files.run(found)
    assert file.name == "a.log"
    assert outcome.unreadable == ["a.log: no such file or directory"]


def test_names_that_are_no_unicode_or_hold_an_address_are_made_harmless(logs: Path) -> None:
    name = os.fsdecode(b"bad-\xff-10.77.66.55.log")
    write(logs / name, ["x"])
    write(logs / f"{name}.1.gz", ["no gzip"])
    lines, _, outcome = search(logs, clearance=Clearance.R1)
    shown = [lines[0].source, *outcome.sources, *outcome.unreadable]
    assert len(shown) == 4
    for text in shown:
        text.encode()
        assert "10.77.66.55" not in text


def test_a_file_that_grows_during_the_search_is_read_as_it_was(logs: Path) -> None:
    path = write(logs / "a.log", ["one"])
    found = find_files((str(logs),), parse_source(None))
    with path.open("a") as file:
        file.write("two\n")
    newest = Newest(10)
    FileSearch(Matcher(None), cleaner(), newest, Range(None, None), lambda _done: None).run(found)
    assert texts(newest.lines()) == ["one"]


@given(
    st.lists(st.binary(max_size=90).map(lambda line: line.replace(b"\n", b"")), max_size=30),
    st.integers(1, 64),
)
@settings(max_examples=120, deadline=None)
def test_blocks_hold_every_line_whole_and_in_order_whatever_is_read_at_once(
    lines: list[bytes], size: int
) -> None:
    data = b"".join(line + b"\n" for line in lines)
    stream = io.BytesIO(data)
    found = list(blocks(lambda _size: stream.read(size)))
    assert b"".join(block for block, _ in found) == data
    assert all(block.endswith(b"\n") for block, _ in found)
    assert sum(taken for _, taken in found) == len(data)


def test_blocks_never_hold_more_of_a_line_than_the_window() -> None:
    endless = iter([b"x" * 100_000] * 50 + [b"\nnext\n"])
    found = list(blocks(lambda _size: next(endless, b"")))
    assert [len(line) for block, _ in found for line in block.splitlines()] == [LINE_WINDOW, 4]


def test_a_pattern_that_is_no_expression_is_refused_in_words_about_the_pattern_alone() -> None:
    with pytest.raises(RelevoError) as caught:
        Matcher("(")
    assert caught.value.detail == "pattern: missing ): ("
