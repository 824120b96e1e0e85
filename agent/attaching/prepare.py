"""From a file of the user to what may leave the machine: read once, redacted, looked at again, counted."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from agent import processes
from agent.attaching import png
from agent.attaching.__main__ import REFUSED
from agent.attaching.kinds import FileKind, as_text, is_json, kind_of, picture_type
from agent.redaction import Redactor, residual
from agent.redaction.known import requester_here
from protocol.attaching import MAX_FILE, MAX_TEXT_FILE, plain_name
from protocol.drivers.files import read_regular
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance

_CHILD_S = 60.0
_CHILD_LIMITS = processes.Confinement(
    address_space_bytes=2 << 30, cpu_s=60, file_size_bytes=0, dies_with_parent=True
)
_ENDING = re.compile(r"(?<=.)\.[A-Za-z0-9]{1,4}$")


@dataclass(frozen=True)
class Prepared:
    """What would leave the machine, and how it differs from the file."""

    name: str
    kind: FileKind
    media_type: str
    clearance: Clearance
    content: bytes
    original_bytes: int
    removed: dict[str, int]
    """How many of each class were taken out of the content and the name."""
    as_is: str | None


def prepare(path: Path, clearance: Clearance | None, key: bytes, as_is: str | None) -> Prepared:
    """The file as a technician of ``clearance`` may see it; None: R1 for text, R3 for pictures, of which
    nothing that can be seen is hidden.

    Args:
        key: the ticket's pseudonym key.
        as_is: why the file is to go as it is, for R3 alone; its name is redacted all the same.

    Raises:
        RelevoError: ``not-found``, ``refused``, ``usage`` (no regular file, empty), ``too-large``;
            ``not-applicable`` for what nothing can be taken out of; ``malformed`` for a picture that is
            none; ``redaction-failed`` where something is left that must not be.
    """
    data = read_regular(path, MAX_FILE)
    if as_is is not None:
        return _as_it_is(path, data, key, as_is)
    kind = kind_of(data)
    if kind is FileKind.TEXT and len(data) > MAX_TEXT_FILE:
        raise RelevoError(Code.TOO_LARGE, f"{path}: text over {MAX_TEXT_FILE >> 20} MiB")
    if kind is FileKind.OPAQUE:
        raise RelevoError(Code.NOT_APPLICABLE, "nothing can be taken out of a file of this kind")
    level = clearance or (Clearance.R1 if kind is FileKind.TEXT else Clearance.R3)
    redactor = Redactor(level, key, requester=requester_here())
    if kind is FileKind.TEXT:
        text = as_text(data) or ""
        content, media_type = _redacted(redactor, text), "application/json" if is_json(text) else "text/plain"
    else:
        content, media_type = _cleaned(data), picture_type(data)
    name = shown_name(path.name, redactor)
    residual(_readable(content) if kind is FileKind.PICTURE else content)
    return Prepared(name, kind, media_type, level, content, len(data), dict(redactor.counts), None)


def _as_it_is(path: Path, data: bytes, key: bytes, reason: str) -> Prepared:
    redactor = Redactor(Clearance.R3, key, requester=requester_here())
    name = shown_name(path.name, redactor)
    return Prepared(
        name=name,
        kind=kind_of(data),
        media_type="application/octet-stream",
        clearance=Clearance.R3,
        content=data,
        original_bytes=len(data),
        removed=dict(redactor.counts),
        as_is=reason,
    )


def shown_name(name: str, redactor: Redactor) -> str:
    """The file's name, redacted like everything else and harmless wherever it is written. A short ending
    says of what kind it is, and stays."""
    plain = plain_name(name.encode("utf-8", "replace").decode())
    ending = _ENDING.search(plain)
    stem = plain[: ending.start()] if ending else plain
    shown = redactor.name(redactor.text(stem))
    residual(shown.encode())  # before the marks of what was removed become part of a name
    return plain_name(f"{shown}{ending[0] if ending else ''}")


def _readable(picture: bytes) -> bytes:
    """What of a cleaned picture is not packed pixels, in which chance alone finds anything."""
    begin = picture.find(b"IDAT" if picture.startswith(png.SIGNATURE) else b"\xff\xda")
    return picture[:begin]


def _redacted(redactor: Redactor, text: str) -> bytes:
    return redactor.text(text).encode()


def _cleaned(data: bytes) -> bytes:
    """The picture from the child that takes it apart.

    Raises:
        RelevoError: ``malformed``, ``too-large``; ``timeout``, ``internal`` where the child failed.
    """
    done = processes.run(
        processes.own_program("agent.attaching"),
        timeout_s=_CHILD_S,
        output_limit_bytes=2 * MAX_FILE + (1 << 20),
        stdin=data,
        confinement=_CHILD_LIMITS,
    )
    if done.timed_out:
        raise RelevoError(Code.TIMEOUT, "the picture takes too long")
    if done.rc == REFUSED:
        code, _, detail = done.text.partition(" ")
        raise RelevoError(Code(code), detail[:200])
    if done.rc or done.stdout_cut is not None:
        raise RelevoError(Code.INTERNAL, f"the picture could not be taken apart (status {done.rc})")
    if len(done.stdout) > MAX_FILE:
        raise RelevoError(Code.TOO_LARGE, f"a picture of {len(done.stdout)} bytes")
    return done.stdout


def classes(removed: dict[str, int]) -> dict[str, int]:
    """Counts by class of 4-domain.md: ``secret``, ``person``, ``network``, ``business``."""
    found: Counter[str] = Counter()
    for name, count in removed.items():
        found[name.partition(":")[0]] += count
    return dict(sorted(found.items()))
