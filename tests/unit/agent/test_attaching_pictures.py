"""Pictures of the user: the pixels stay, everything else is gone, and what is no picture is refused."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from agent.attaching import jpeg, png
from protocol.errors import Code, RelevoError

CANARY = b"Zk9canary-ana@example.com-203.0.113.77"
MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]


def picture(mode: str, size: tuple[int, int] = (23, 17)) -> Image.Image:
    base = Image.linear_gradient("L").resize(size)
    if mode == "I;16":
        return base.convert("I").convert("I;16")
    rgb = Image.merge("RGB", (base, base.rotate(90).resize(size), base.rotate(180)))
    return (rgb.convert("RGBA") if mode in ("LA", "RGBA") else rgb).convert(mode)


def as_png(mode: str, **more: object) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", CANARY.decode())
    info.add_itxt("Author", CANARY.decode(), zip=True)
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = CANARY.decode()
    picture(mode).save(out, "PNG", pnginfo=info, exif=exif, icc_profile=CANARY, dpi=(300, 300), **more)
    return out.getvalue() + CANARY


def as_jpeg(mode: str = "RGB", **more: object) -> bytes:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = CANARY.decode()
    exif.get_ifd(0x8825)[1] = "N"
    picture("RGB").convert(mode).save(out, "JPEG", exif=exif, comment=CANARY, icc_profile=CANARY, **more)
    return out.getvalue() + CANARY


def pixels(data: bytes) -> bytes:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image.convert("RGBA").tobytes() if image.mode != "I;16" else image.tobytes()


def chunks(data: bytes) -> list[bytes]:
    at, found = 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append(data[at + 4 : at + 8])
        at += 12 + length
    return found


@pytest.mark.parametrize("mode", MODES)
def test_a_png_keeps_its_pixels_and_loses_what_was_written_into_it(mode: str) -> None:
    data = as_png(mode)
    cleaned = png.clean(data)
    assert pixels(cleaned) == pixels(data[: -len(CANARY)])
    assert CANARY not in cleaned and b"canary" not in cleaned
    assert set(chunks(cleaned)) <= {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
    assert png.clean(cleaned) == cleaned


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def made_png(raw: bytes, header: bytes, *, before: bytes = b"", packed: bytes | None = None) -> bytes:
    body = zlib.compress(raw) if packed is None else packed
    return png.SIGNATURE + chunk(b"IHDR", header) + before + chunk(b"IDAT", body) + chunk(b"IEND", b"")


GRAY2 = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
RAW2 = b"\0ab\0cd"


def test_what_hides_behind_the_pixels_is_gone() -> None:
    """Data after the end of the packed pixels are read by no viewer."""
    data = made_png(b"", GRAY2, packed=zlib.compress(RAW2) + CANARY)
    assert CANARY in data
    assert CANARY not in png.clean(data)


def test_an_interlaced_png_is_measured_pass_by_pass() -> None:
    header = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 1)
    raw = b"\0a" + b"\0b" + b"\0cd"
    assert zlib.decompress(png.clean(made_png(raw, header))[8 + 25 + 8 :][:-16]) == raw
    with pytest.raises(RelevoError, match="number of pixels"):
        png.clean(made_png(RAW2, header))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        png.SIGNATURE,
        made_png(RAW2 + b"x", GRAY2),
        made_png(RAW2[:-1], GRAY2),
        made_png(b"\5ab\0cd", GRAY2),
        made_png(RAW2, GRAY2)[:-1],
        made_png(RAW2, GRAY2).replace(b"IDAT", b"IDAX"),
        made_png(RAW2, GRAY2, before=chunk(b"ABCD", b"")),
        made_png(RAW2, GRAY2, before=chunk(b"IHDR", GRAY2)),
        made_png(RAW2, GRAY2, before=chunk(b"IDAT", b"") + chunk(b"tEXt", b"")),
        made_png(RAW2, struct.pack(">IIBBBBB", 2, 2, 8, 3, 0, 0, 0)),
        made_png(RAW2, struct.pack(">IIBBBBB", 0, 2, 8, 0, 0, 0, 0)),
        made_png(RAW2, struct.pack(">IIBBBBB", 2, 2, 3, 0, 0, 0, 0)),
        made_png(b"", GRAY2, packed=b"not packed"),
    ],
)
def test_what_is_not_exactly_a_png_is_refused(data: bytes) -> None:
    with pytest.raises(RelevoError) as error:
        png.clean(data)
    assert error.value.code is Code.MALFORMED


def test_a_bomb_is_refused_by_what_it_says_and_not_unpacked() -> None:
    for header in (
        struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0),
        struct.pack(">IIBBBBB", 8_000, 8_000, 16, 6, 0, 0, 0),
    ):
        with pytest.raises(RelevoError) as error:
            png.clean(made_png(b"\0" * 1_000_000, header))
        assert error.value.code is Code.TOO_LARGE
    bomb = zlib.compress(b"\0" * 50_000_000)
    with pytest.raises(RelevoError, match="number of pixels"):
        png.clean(made_png(b"", GRAY2, packed=bomb))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("more", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
def test_a_jpeg_keeps_its_pixels_and_loses_what_was_written_into_it(
    mode: str, more: dict[str, object]
) -> None:
    data = as_jpeg(mode, **more)
    cleaned = jpeg.clean(data)
    assert CANARY in data and CANARY not in cleaned and b"Exif" not in cleaned
    assert pixels(cleaned) == pixels(data)
    assert jpeg.clean(cleaned) == cleaned


PLAIN_JPEG = jpeg.clean(as_jpeg())


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff",
        PLAIN_JPEG[:-2],
        PLAIN_JPEG[:100],
        b"\xff\xd8\xff\xd9",
        PLAIN_JPEG.replace(b"\xff\xc0", b"\xff\xc3"),
        PLAIN_JPEG.replace(b"\xff\xdb\x00\x43", b"\xff\xdb\x00\x44"),
        PLAIN_JPEG[:2] + b"\xff\xdb\x00\x03\x00" + PLAIN_JPEG[2:],
        PLAIN_JPEG[:2] + b"xx" + PLAIN_JPEG[2:],
    ],
)
def test_what_is_not_exactly_a_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(RelevoError) as error:
        jpeg.clean(data)
    assert error.value.code is Code.MALFORMED


@given(at=st.integers(0, 400), new=st.binary(min_size=1, max_size=8), cut=st.integers(0, 400))
def test_a_damaged_picture_is_refused_or_cleaned_and_nothing_else(at: int, new: bytes, cut: int) -> None:
    """Invariant: for any bytes, a result that is stable under cleaning again, or a RelevoError."""
    for clean, data in ((png.clean, made_png(RAW2, GRAY2)), (jpeg.clean, PLAIN_JPEG)):
        harmed = data[:at] + new + data[at + len(new) :][: len(data) - cut]
        try:
            cleaned = clean(harmed)
        except RelevoError:
            continue
        assert clean(cleaned) == cleaned
