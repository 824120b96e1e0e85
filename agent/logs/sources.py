"""Which files are logs: regular text files below the log folders, reached without following a link."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from protocol.drivers.files import read_file
from protocol.errors import Code, RelevoError
from protocol.wire import from_json

DEFAULT_FOLDERS = ("/var/log",)
MAX_FILES = 5_000
_MAX_SEEN = 100_000
_MAX_DEPTH = 8
_MAX_UNREADABLE = 200
_BINARY = re.compile(
    r"(?:wtmp|btmp|lastlog|faillog|tallylog|utmp)(?:[.-].*)?|.*\.(?:journal~?|db|zst|zip|tar|img|pcap)"
)
_ROTATED = re.compile(
    r"(?P<base>.+?)(?:[.-](?:\d{1,3}|\d{8}(?:-\d{1,10})?|old|\d{4}-\d\d-\d\d))?(?:\.(?:gz|xz|bz2))?"
)
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,180}")
JOURNAL = "journal"


@dataclass(frozen=True)
class LogFile:
    """One file as it was when it was found; what is appended later is not part of a search."""

    folder: str
    name: str
    """Below the folder, with ``/``."""
    size: int
    modified: float
    device: int
    inode: int


@dataclass
class Found:
    files: list[LogFile] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    seen: int = 0
    """Entries of folders looked at."""

    def refuse(self, name: str, why: str) -> None:
        if len(self.unreadable) < _MAX_UNREADABLE:
            self.unreadable.append(f"{name[:150]}: {why}")


@dataclass(frozen=True)
class Wanted:
    """A decoded source name. ``unit`` only with ``journal``; ``name`` empty means every file."""

    files: bool = True
    journal: bool = True
    unit: str | None = None
    name: str = ""


def parse_source(source: str | None) -> Wanted:
    """``journal``, ``journal:UNIT``, a file's or folder's name below the log folders, or None for all.

    Raises:
        RelevoError: ``parameter-invalid`` for absolute paths, ``..`` and anything that is no name.
    """
    if source is None:
        return Wanted()
    if source == JOURNAL:
        return Wanted(files=False)
    if source.startswith("journal:"):
        unit = source.removeprefix("journal:")
        if not _UNIT.fullmatch(unit) or unit.startswith("-"):
            raise RelevoError(Code.PARAMETER_INVALID, "unit name")
        return Wanted(files=False, unit=unit)
    parts = source.rstrip("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or any(
        ord(char) < 32 or char == "\\" for char in source
    ):
        raise RelevoError(Code.PARAMETER_INVALID, "source")
    return Wanted(journal=False, name="/".join(parts))


def folders_of(data: Path) -> tuple[str, ...]:
    """``/var/log`` and the folders that this machine's own ``log-folders.json`` adds (a JSON list).

    Raises:
        RelevoError: ``malformed`` when that file is not a list of absolute paths.
    """
    configured = data / "log-folders.json"
    if not configured.exists():
        return DEFAULT_FOLDERS
    more = from_json(read_file(configured, 1 << 16), list[str])
    if not all(path.startswith("/") and path != "/" and ".." not in path.split("/") for path in more):
        raise RelevoError(Code.MALFORMED, str(configured))
    return tuple(dict.fromkeys((*DEFAULT_FOLDERS, *more)))


def find_files(folders: tuple[str, ...], wanted: Wanted) -> Found:
    """The log files that a source name means, rotated ones with it, in the order of their names."""
    found = Found()
    if wanted.files:
        for folder in folders:
            _walk(folder, "", wanted, found, 0)
    return found


def open_log(file: LogFile) -> int:
    """A descriptor of the file, opened part by part without following any link.

    Raises:
        OSError: gone, a link by now, not permitted, or no regular file.
    """
    *folders, name = file.name.split("/")
    at = os.open(file.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = deeper
        # O_NONBLOCK: a pipe put in the file's place must not hold us.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a regular file")
    return descriptor


def base_name(name: str) -> str:
    """``syslog`` for ``syslog.1`` and ``syslog.2.gz``."""
    folder, slash, last = name.rpartition("/")
    match = _ROTATED.fullmatch(last)
    return f"{folder}{slash}{match['base'] if match else last}"


def is_rotated(name: str) -> bool:
    return base_name(name) != name


def _walk(folder: str, below: str, wanted: Wanted, found: Found, depth: int) -> None:
    try:
        entries = sorted(os.scandir(Path(folder) / below), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        found.refuse(below or folder, _why(error))
        return
    for entry in entries:
        name = f"{below}/{entry.name}" if below else entry.name
        found.seen += 1
        if len(found.files) >= MAX_FILES or found.seen > _MAX_SEEN:
            found.refuse(name, "too many files")
            return
        if entry.is_dir(follow_symlinks=False):
            if depth < _MAX_DEPTH and _leads_to(name, wanted.name):
                _walk(folder, name, wanted, found, depth + 1)
        elif _is_wanted(name, wanted.name) and not _BINARY.fullmatch(entry.name):
            _add(folder, name, entry, found)


def _add(folder: str, name: str, entry: os.DirEntry[str], found: Found) -> None:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        found.refuse(name, _why(error))
        return
    if stat.S_ISREG(status.st_mode):
        found.files.append(
            LogFile(folder, name, status.st_size, status.st_mtime, status.st_dev, status.st_ino)
        )


def _leads_to(folder: str, wanted: str) -> bool:
    return not wanted or wanted.startswith(f"{folder}/") or _below(folder, wanted)


def _is_wanted(name: str, wanted: str) -> bool:
    return not wanted or name == wanted or base_name(name) == wanted or _below(name, wanted)


def _below(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def explain(error: OSError) -> str:
    """Why a file could not be read, in a few words."""
    return _why(error)


__all__ = [
    "Found",
    "LogFile",
    "Wanted",
    "base_name",
    "explain",
    "find_files",
    "folders_of",
    "open_log",
    "parse_source",
]
