"""`relevo screenshot`: the user's monitors as PNG files, and on the ticket."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from protocol import assist
from protocol.drivers.files import write_private
from protocol.drivers.terminal import Command, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from technician.assist import exchange, find_session
from technician.cli.common import Progress, progress, technician_options
from technician.pictures import MAX_BYTES, Picture, clean, make_ready

_SILENCE_S = 60.0
_MAX_PICTURES = 16


class Written(msgspec.Struct, frozen=True):
    """One file as ``--json`` shows it."""

    path: str
    width: int
    height: int
    size_bytes: int
    sha256: str


@dataclass
class _Receiving:
    """One picture on its way, never more of it than was announced."""

    start: assist.ContentStart
    data: bytearray

    def add(self, chunk: assist.Chunk) -> None:
        self.data += chunk.data
        if len(self.data) > self.start.size_bytes:
            raise RelevoError(Code.MALFORMED, "more bytes than announced")

    def finish(self, end: assist.ContentEnd) -> Picture:
        if len(self.data) != self.start.size_bytes or hashlib.sha256(self.data).hexdigest() != end.sha256:
            raise RelevoError(Code.HASH_MISMATCH, "picture")
        return clean(bytes(self.data))


def pictures(events: Iterator[assist.Event], line: Progress, artifacts: list[str]) -> Iterator[Picture]:
    """The pictures in a stream of events, decoded and encoded anew; ids of artifacts go to the list.

    Raises:
        RelevoError: ``malformed``, ``too-large``, ``hash-mismatch``, or what the agent said.
    """
    receiving: _Receiving | None = None
    for event in events:
        match event:
            case assist.ContentStart():
                if receiving is not None:
                    raise RelevoError(Code.MALFORMED, "unexpected content")
                receiving = _begin(event)
            case assist.Chunk():
                started = _begun(receiving)
                started.add(event)
                line.update(words()("screenshot.receiving"), len(started.data), started.start.size_bytes)
            case assist.ContentEnd():
                yield _begun(receiving).finish(event)
                receiving = None
            case assist.Stored():
                artifacts.append(event.artifact)
            case _:
                line.update(words()("screenshot.waiting"), 0, None)
    if receiving is not None:
        raise RelevoError(Code.MALFORMED, "content without an end")


def _begin(start: assist.ContentStart) -> _Receiving:
    if start.media_type != "image/png":
        raise RelevoError(Code.MALFORMED, "unexpected content")
    if start.size_bytes > MAX_BYTES:
        raise RelevoError(Code.TOO_LARGE, f"picture of {start.size_bytes} bytes")
    return _Receiving(start, bytearray())


def _begun(receiving: _Receiving | None) -> _Receiving:
    if receiving is None:
        raise RelevoError(Code.MALFORMED, "content without a start")
    return receiving


def save(found: Iterator[Picture], output: Path) -> list[Written]:
    """Write one picture to ``output``, several to ``output`` with ``-1``, ``-2``, … before its ending."""
    written: list[Written] = []
    first: Picture | None = None
    for number, picture in enumerate(found, 1):
        if number > _MAX_PICTURES:
            raise RelevoError(Code.TOO_LARGE, "too many pictures")
        if number == 1:
            first = picture
            continue
        if first is not None:
            written.append(_write(first, numbered(output, 1)))
            first = None
        written.append(_write(picture, numbered(output, number)))
    if first is not None:
        written.append(_write(first, output))
    return written


def numbered(output: Path, number: int) -> Path:
    return output.with_name(f"{output.stem}-{number}{output.suffix}")


def _write(picture: Picture, path: Path) -> Written:
    write_private(path, picture.png)
    return Written(
        path=str(path),
        width=picture.width,
        height=picture.height,
        size_bytes=len(picture.png),
        sha256=hashlib.sha256(picture.png).hexdigest(),
    )


@click.command("screenshot", cls=Command, help="screenshot")
@click.argument("ticket")
@option(
    "--output",
    "-o",
    required=True,
    metavar="FILE.png",
    type=click.Path(dir_okay=False, path_type=Path),
    help="option.picture",
)
@option("--monitor", type=click.IntRange(1, 16), help="option.monitor")
@technician_options
def screenshot(ticket: str, output: Path, monitor: int | None, home: Path, as_json: bool) -> None:
    if output.suffix.lower() != ".png":
        raise RelevoError(Code.USAGE, words()("screenshot.png-only"))
    held = find_session(home, ticket)
    artifacts: list[str] = []
    with progress() as line:
        line.update(words()("screenshot.waiting"), 0, None)
        events = exchange(held, assist.Screenshot(monitor=monitor), timeout_s=_SILENCE_S)
        make_ready()
        written = save(pictures(events, line, artifacts), output.expanduser())
    if not written:
        raise RelevoError(Code.MALFORMED, "no picture came")
    if as_json:
        emit_json({"files": written, "artifacts": artifacts})
        return
    for file in written:
        say(words()("screenshot.written", path=printable(file.path), width=file.width, height=file.height))
    if artifacts:
        note(words()("screenshot.stored", artifacts=", ".join(artifacts)))
