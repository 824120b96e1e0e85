"""Files of the user on their way out: no canary of any class in what would leave, whatever it is written in."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.attaching.kinds import FileKind, as_text, is_json, kind_of
from agent.attaching.prepare import Prepared, prepare
from protocol.attaching import MAX_FILE, MAX_NAME, MAX_TEXT_FILE, plain_name
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance
from tests.unit.agent.test_attaching_pictures import CANARY as PICTURE_CANARY
from tests.unit.agent.test_attaching_pictures import as_jpeg, as_png, chunk, made_png

KEY = b"k" * 32
SECRET = "Zk9canary#77x"
MAIL, ADDRESS, HOST = "ana.canary@example.com", "203.0.113.77", "canary-pc.corp.example.com"
PEM = "-----BEGIN PRIVATE KEY-----\n" + "MC4CAQAwBQYDK2VwBCIEIcanary" * 3 + "\n-----END PRIVATE KEY-----"
LOG = f"2026-11-22 login password={SECRET} by {MAIL} from {ADDRESS} at {HOST}\n{PEM}\n¡fin! ñ\n"
PRIVATE = (SECRET, MAIL, ADDRESS, HOST, "MC4CAQAwBQYDK2VwBCIEIcanary")


def file(tmp_path: Path, content: bytes, name: str = "informe.log") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def ready(
    tmp_path: Path, content: bytes, name: str = "informe.log", level: Clearance | None = None
) -> Prepared:
    return prepare(file(tmp_path, content, name), level, KEY, None)


def holds_none(data: bytes, words: tuple[str, ...] = PRIVATE) -> None:
    views = [data, data.replace(b"\0", b"")]
    with contextlib.suppress(ValueError):
        views.append(json.dumps(json.loads(data), ensure_ascii=False).encode())
    for word in words:
        for view in views:
            assert word.encode() not in view, word
        assert base64.b64encode(word.encode()) not in data
        assert word.encode("utf-16-le") not in data


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_no_canary_leaves_in_text_of_any_encoding(tmp_path: Path, encoding: str) -> None:
    found = ready(tmp_path, LOG.encode(encoding))
    assert (found.kind, found.media_type, found.clearance) == (FileKind.TEXT, "text/plain", Clearance.R1)
    holds_none(found.content)
    assert "2026-11-22 login password=<secret:password>" in found.content.decode()
    assert "¡fin! ñ" in found.content.decode()
    assert {name.partition(":")[0] for name in found.removed} >= {"secret", "person", "network"}


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"password": SECRET, "who": MAIL, "from": [ADDRESS, {"host": HOST}], "pem": PEM}),
        json.dumps({"line": LOG}),
        json.dumps(
            {"inner": json.dumps({"password": SECRET, "mail": MAIL, "ip": ADDRESS, "h": HOST, "k": PEM})}
        ),
        f'{{"{escaped("password")}": "{escaped(SECRET)}", "m": "{escaped(MAIL)}", "ip": "{escaped(ADDRESS)}"}}',
        "\n".join(json.dumps({"password": SECRET, "from": ADDRESS, "who": MAIL}) for _ in range(3)),
    ],
)
def test_no_canary_leaves_in_json_however_it_is_escaped(tmp_path: Path, content: str) -> None:
    found = ready(tmp_path, content.encode(), "volcado.json")
    holds_none(found.content)
    if is_json(content):
        json.loads(found.content)


def test_a_secret_that_survives_the_rules_stops_the_file(tmp_path: Path) -> None:
    inner = base64.b64encode(f"xxxxxpassword={SECRET}\n".encode()).decode()
    with pytest.raises(RelevoError) as error:
        ready(tmp_path, f"attachment:\n{inner}\n".encode())
    assert error.value.code is Code.REDACTION_FAILED
    assert SECRET not in str(error.value)


def test_the_higher_the_clearance_the_more_stays_but_never_a_secret(tmp_path: Path) -> None:
    r1, r2, r3 = (ready(tmp_path, LOG.encode(), level=level).content.decode() for level in Clearance)
    assert ADDRESS not in r1 and ADDRESS in r2 and ADDRESS in r3
    assert MAIL not in r2 and MAIL in r3
    for text in (r1, r2, r3):
        assert SECRET not in text and "PRIVATE KEY" not in text


@pytest.mark.parametrize("made", [as_png, as_jpeg])
def test_no_canary_leaves_in_what_is_written_into_a_picture(tmp_path: Path, made: object) -> None:
    data = made("RGB")  # type: ignore[operator]
    found = ready(tmp_path, data, "pantalla.png")
    assert (found.kind, found.clearance) == (FileKind.PICTURE, Clearance.R3)
    assert PICTURE_CANARY in data
    assert b"canary" not in found.content
    assert ready(tmp_path, data, "a.png", Clearance.R1).clearance is Clearance.R1


def test_the_name_of_the_file_tells_nothing_either(tmp_path: Path) -> None:
    for name in (f"{MAIL} {ADDRESS}.log", f"password={SECRET}.txt", "nóminas de Ana 2026.csv", ".ssh_id"):
        found = ready(tmp_path, b"nada\n", name)
        for word in (*PRIVATE, "nómina", "Ana", "ssh_id"):
            assert word not in found.name
        assert "/" not in found.name
    assert ready(tmp_path, b"nada\n", f"{MAIL}.log").name.endswith(".log")
    assert ready(tmp_path, b"x\n", "nóminas.csv", Clearance.R3).name == "nóminas.csv"


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../etc/passwd", LOG)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        zipped(),
        gzip.compress(LOG.encode()),
        b"%PDF-1.7\n" + LOG.encode(),
        b"\x7fELF" + bytes(100),
        os.urandom(200) + b"\0\x01\x02",
        LOG.encode("utf-32"),
        b"GIF89a" + bytes(20),
        b"text with \x01 in it",
        b"RIFF\x10\0\0\0WEBPVP8 ",
    ],
)
def test_what_nothing_can_be_taken_out_of_is_refused(tmp_path: Path, data: bytes) -> None:
    assert kind_of(data) is FileKind.OPAQUE
    with pytest.raises(RelevoError) as error:
        ready(tmp_path, data)
    assert error.value.code is Code.NOT_APPLICABLE


def test_as_it_is_goes_unchanged_to_experts_alone_and_only_the_name_is_looked_at(tmp_path: Path) -> None:
    data = zipped()
    found = prepare(file(tmp_path, data, f"password={SECRET}.zip"), None, KEY, "they asked for it")
    assert (found.content, found.clearance, found.as_is) == (data, Clearance.R3, "they asked for it")
    assert SECRET not in found.name


def test_the_noise_of_a_picture_is_not_taken_for_words(tmp_path: Path) -> None:
    """A photograph of noise was once refused: among millions of packed bytes chance wrote a password."""
    pixels = b"".join(b"\0" + b" password=Zk9x7Qq1 " * 30 for _ in range(100))
    header = struct.pack(">IIBBBBB", 570, 100, 8, 0, 0, 0, 0)
    stored = zlib.compress(pixels, 0)
    assert ready(tmp_path, made_png(b"", header, packed=stored), "ruido.png").kind is FileKind.PICTURE


def test_text_in_the_palette_of_a_picture_stops_it(tmp_path: Path) -> None:
    words = f" password={SECRET} ".encode().ljust(48)[:48]
    header = struct.pack(">IIBBBBB", 1, 1, 8, 3, 0, 0, 0)
    with pytest.raises(RelevoError) as error:
        ready(tmp_path, made_png(b"\0\0", header, before=chunk(b"PLTE", words)), "paleta.png")
    assert error.value.code is Code.REDACTION_FAILED


def test_a_long_text_is_refused_before_anybody_waits_for_it(tmp_path: Path) -> None:
    with pytest.raises(RelevoError) as error:
        ready(tmp_path, b"una linea\n" * (MAX_TEXT_FILE // 10 + 1))
    assert error.value.code is Code.TOO_LARGE


def test_a_picture_that_is_none_is_refused_by_the_child(tmp_path: Path) -> None:
    with pytest.raises(RelevoError) as error:
        ready(tmp_path, b"\x89PNG\r\n\x1a\n" + LOG.encode())
    assert error.value.code is Code.MALFORMED


def test_only_whole_files_within_the_limit_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "big").touch()
    os.truncate(tmp_path / "big", MAX_FILE + 1)
    (tmp_path / "empty").touch()
    for name, code in (
        ("none", Code.NOT_FOUND),
        ("pipe", Code.USAGE),
        (".", Code.USAGE),
        ("big", Code.TOO_LARGE),
        ("empty", Code.USAGE),
    ):
        with pytest.raises(RelevoError) as error:
            prepare(tmp_path / name, None, KEY, "why")
        assert error.value.code is code, name
    with pytest.raises(RelevoError) as error:
        prepare(Path("/dev/zero"), None, KEY, "why")
    assert error.value.code is Code.USAGE


@given(st.binary(max_size=300))
def test_what_counts_as_text_has_no_control_characters(data: bytes) -> None:
    """Invariant: text is None or free of what no text has; never an exception."""
    text = as_text(data)
    assert text is None or not set(text) & set(map(chr, [*range(7), 14, 26, 28, 31, 127]))


@given(st.text(max_size=400))
def test_a_plain_name_is_one_that_any_system_can_write(name: str) -> None:
    """Invariant: never empty, never a path, never hidden, never too long, and stable."""
    plain = plain_name(name)
    assert 1 <= len(plain) <= MAX_NAME
    assert not set(plain) & set('/\\<>:"|?*\0\n\x1b\u202e')
    assert plain[0] not in ".-" and plain not in ("..", ".")
    assert plain_name(plain) == plain


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ana\\x.txt", "x.txt"),
        ("-rf.txt", "rf.txt"),
        ("con.txt", "file_con.txt"),
        ("a\x1b[31m\u202etxt.exe", "a_[31m_txt.exe"),
        ("..", "file"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_names_that_mean_harm_become_harmless(name: str, plain: str) -> None:
    assert plain_name(name) == plain
