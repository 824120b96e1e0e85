"""Pictures from a hostile machine: only clean pixels reach the disk."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from protocol import assist
from protocol.drivers.terminal import add_words
from protocol.errors import Code, RelevoError
from protocol.wording import screenshot as wording
from technician.cli.common import Progress
from technician.cli.screenshot import numbered, pictures, save
from technician.pictures import MAX_BYTES, clean


@pytest.fixture(autouse=True)
def screenshot_words() -> None:
    """Another test of this process may have run a whole program, which starts with its own words."""
    add_words(wording.TABLE)


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def png(width: int = 4, height: int = 3, colour: bytes = b"\x10\x20\x30", *between: bytes) -> bytes:
    rows = (b"\0" + colour * width) * height
    return (
        SIGNATURE
        + header(width, height)
        + b"".join(between)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_a_clean_picture_keeps_its_pixels_and_nothing_else() -> None:
    found = clean(png())
    assert (found.width, found.height) == (4, 3)
    with Image.open(io.BytesIO(found.png)) as image:
        assert image.size == (4, 3)
        assert image.tobytes() == b"\x10\x20\x30" * 12
        assert image.info == {}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.MALFORMED),
        (b"GIF89a" + bytes(100), Code.MALFORMED),
        (b"\xff\xd8\xff\xe0" + bytes(100), Code.MALFORMED),
        (png()[:-1], Code.MALFORMED),
        (png()[:-12], Code.MALFORMED),
        (png()[:40], Code.MALFORMED),
        (png() + b"x", Code.MALFORMED),
        (png() + png(), Code.MALFORMED),
        (png()[:50] + b"\0" + png()[51:], Code.MALFORMED),
        (png(4, 3, b"abc", chunk(b"tEXt", b"Comment\0<script>")), Code.MALFORMED),
        (png(4, 3, b"abc", chunk(b"eXIf", b"MM\0*")), Code.MALFORMED),
        (png(4, 3, b"abc", chunk(b"acTL", bytes(8))), Code.MALFORMED),
        (png(4, 3, b"abc", chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1 << 20)))), Code.MALFORMED),
        (png(4, 3, b"abc", header(9, 9)), Code.MALFORMED),
        (SIGNATURE + header(100_000, 100_000) + chunk(b"IDAT", b"") + chunk(b"IEND", b""), Code.TOO_LARGE),
        (SIGNATURE + header(2**31 - 1, 2**31 - 1) + chunk(b"IDAT", b"") + chunk(b"IEND", b""), Code.TOO_LARGE),
        (SIGNATURE + header(0, 5) + chunk(b"IDAT", b"") + chunk(b"IEND", b""), Code.MALFORMED),
        (SIGNATURE + header(5, 5, depth=3) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""), Code.MALFORMED),
        (SIGNATURE + header(5, 5) + chunk(b"IDAT", b"not zlib") + chunk(b"IEND", b""), Code.MALFORMED),
        (SIGNATURE + header(5, 5) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b""), Code.MALFORMED),
        (SIGNATURE + header(5, 5) + chunk(b"IEND", b""), Code.MALFORMED),
        (SIGNATURE + struct.pack(">I", 2**31) + b"IDAT" + bytes(20), Code.MALFORMED),
        (bytes(MAX_BYTES + 1), Code.TOO_LARGE),
    ],
)  # fmt: skip
def test_anything_but_one_whole_plain_png_is_refused(data: bytes, code: Code) -> None:
    with pytest.raises(RelevoError) as caught:
        clean(data)
    assert caught.value.code is code


def test_a_picture_that_unpacks_to_more_than_it_says_costs_only_what_it_says() -> None:
    bomb = zlib.compress(bytes(64 << 20), 9)
    data = SIGNATURE + header(4, 4) + chunk(b"IDAT", bomb) + chunk(b"IEND", b"")
    assert len(data) < 100_000
    assert len(clean(data).png) < 1_000


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
@settings(max_examples=120, deadline=None)
def test_no_altered_picture_does_more_than_be_refused_or_be_clean(at: int, change: bytes) -> None:
    data = bytearray(png(8, 8))
    data[at % len(data) : at % len(data) + len(change)] = change
    try:
        found = clean(bytes(data))
    except RelevoError:
        return
    assert clean(found.png).width == found.width


# --- receiving ---------------------------------------------------------------------------------


def events(
    *contents: bytes, announced: int | None = None, digest: str | None = None
) -> Iterator[assist.Event]:
    yield assist.Progress(step="screenshot")
    for content in contents:
        size = len(content) if announced is None else announced
        yield assist.ContentStart(name="../../etc/x.png", media_type="image/png", size_bytes=size)
        for at in range(0, len(content), 50):
            yield assist.Chunk(data=content[at : at + 50])
        yield assist.ContentEnd(sha256=digest or hashlib.sha256(content).hexdigest())
        yield assist.Stored(artifact="art-" + "0" * 24, name="x.png")


def received(stream: Iterator[assist.Event], output: Path) -> list[str]:
    return [Path(file.path).name for file in save(pictures(stream, Progress(), []), output)]


def test_one_monitor_is_the_file_and_several_are_numbered(tmp_path: Path) -> None:
    assert received(events(png()), tmp_path / "one.png") == ["one.png"]
    assert received(events(png(), png(5, 5), png(6, 6)), tmp_path / "more.png") == [
        "more-1.png",
        "more-2.png",
        "more-3.png",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "more-1.png",
        "more-2.png",
        "more-3.png",
        "one.png",
    ]
    assert (tmp_path / "one.png").stat().st_mode & 0o777 == 0o600
    assert numbered(Path("a/b.c.png"), 2) == Path("a/b.c-2.png")


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (lambda: events(png(), announced=10), Code.MALFORMED),
        (lambda: events(png(), announced=100_000), Code.HASH_MISMATCH),
        (lambda: events(png(), digest="0" * 64), Code.HASH_MISMATCH),
        (lambda: events(b"<svg/>"), Code.MALFORMED),
        (lambda: events(png(), announced=1 << 39), Code.TOO_LARGE),
        (lambda: iter([assist.Chunk(data=b"x")]), Code.MALFORMED),
        (lambda: iter([assist.ContentEnd(sha256="0" * 64)]), Code.MALFORMED),
        (lambda: iter([assist.ContentStart(name="x", media_type="image/png", size_bytes=5)]), Code.MALFORMED),
        (lambda: iter([assist.ContentStart(name="x", media_type="text/html", size_bytes=5)]), Code.MALFORMED),
        (lambda: events(*[png()] * 17), Code.TOO_LARGE),
    ],
)
def test_a_stream_that_lies_leaves_nothing_it_named_on_the_disk(stream, code: Code, tmp_path: Path) -> None:
    with pytest.raises(RelevoError) as caught:
        received(stream(), tmp_path / "x.png")
    assert caught.value.code is code
    assert not (tmp_path / "x.png").exists()
    assert not (tmp_path.parent / "etc").exists()
