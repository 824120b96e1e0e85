"""Paths of fixes on the real file system: below an allowed root, and through no link.

The root itself is written by the fix's author and signed, so it may be reached through links
(``/var/lock`` is one on Debian) that the system or this user made: a root below ``/tmp`` is a name that anybody
can take first. From there on every part is opened without following any.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from protocol.assist import Parameter
from protocol.errors import Code, RelevoError
from protocol.fix_params import Param, lies_in
from protocol.fixes import Manifest

_ANYTHING = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC if hasattr(os, "O_PATH") else 0
_MOST_PARTS = 400
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC if hasattr(os, "O_PATH") else 0


def resolve(manifest: Manifest, params: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """The parameters with each path in its real form, once it is seen to have no link below its root.

    Raises:
        RelevoError: ``parameter-invalid`` naming the parameter.
    """
    specs = {spec.name: spec for spec in manifest.params}
    return tuple(
        Parameter(name=p.name, value=_resolve_one(specs[p.name], p.value))
        if specs[p.name].type == "path"
        else p
        for p in params
    )


@contextlib.contextmanager
def parent_of(path: str) -> Iterator[tuple[int, str]]:
    """The opened folder of a real path, and the name in it; no part of the path may be a link.

    Raises:
        RelevoError: ``parameter-invalid`` for a link on the way, ``not-found`` when the folder is missing.
    """
    parts = path.strip("/").split("/")
    descriptor = os.open("/", _FOLDER)
    try:
        for part in parts[:-1]:
            below = _enter(descriptor, part, path)
            os.close(descriptor)
            descriptor = below
        yield descriptor, parts[-1]
    finally:
        os.close(descriptor)


def _resolve_one(spec: Param, value: str) -> str:
    # The narrowest root decides, so that a root inside another is not walked as if it were foreign ground.
    root = max((root for root in spec.roots if lies_in(value, root)), key=len, default=None)
    if root is None:
        raise RelevoError(Code.PARAMETER_INVALID, f"{spec.name} lies outside the allowed folders")
    # A root that is the file itself: only the way to it may have links, not the file.
    base, rest = (
        (root, value[len(root) + 1 :]) if value != root else (str(Path(root).parent), Path(root).name)
    )
    try:
        real = f"{_real(base).rstrip('/')}/{rest}"
        with parent_of(real) as (folder, name):
            _require_no_link(folder, name, spec.name)
    except RelevoError as error:
        if error.code is Code.NOT_FOUND:
            return real
        raise RelevoError(Code.PARAMETER_INVALID, f"{spec.name}: {error.detail}") from error
    return real


def _real(base: str) -> str:
    """``base`` without links, which only root or this user may have made, in folders of theirs.

    Raises:
        RelevoError: ``parameter-invalid`` for a link of somebody else's, or a file where a folder should be.
    """
    names: list[str] = []
    left = _parts(base)
    with contextlib.ExitStack() as opened:
        folders = [_opened(opened, "/", None)]
        for _ in range(_MOST_PARTS):
            if not left:
                return "/" + "/".join(names)
            part = left.pop()
            if part == "..":
                del names[-1:], folders[max(1, len(folders) - 1) :]
                continue
            try:
                found = _opened(opened, part, folders[-1])
            except FileNotFoundError:
                return os.path.normpath("/" + "/".join([*names, part, *reversed(left)]))
            except OSError as error:
                raise RelevoError(Code.PARAMETER_INVALID, f"{base}: {error.strerror}") from error
            if stat.S_ISLNK(os.fstat(found).st_mode):
                target = _target(found, folders[-1], base)
                if target.startswith("/"):
                    del names[:], folders[1:]
                left += _parts(target)
            else:
                names.append(part)
                folders.append(found)
    raise RelevoError(Code.PARAMETER_INVALID, f"too many links on the way to {base}")


def _parts(path: str) -> list[str]:
    """Last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _opened(opened: contextlib.ExitStack, name: str, folder: int | None) -> int:
    descriptor = os.open(name, _ANYTHING, dir_fd=folder)
    opened.callback(os.close, descriptor)
    return descriptor


def _target(link: int, folder: int, base: str) -> str:
    owners = {os.fstat(link).st_uid, os.fstat(folder).st_uid}
    if not owners <= {0, os.geteuid()}:
        raise RelevoError(Code.PARAMETER_INVALID, f"the way to {base} leads over somebody else's link")
    return os.readlink("", dir_fd=link)


def _require_no_link(folder: int, name: str, parameter: str) -> None:
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise RelevoError(Code.PARAMETER_INVALID, f"{parameter}: {error.strerror}") from error
    if stat.S_ISLNK(mode):
        raise RelevoError(Code.PARAMETER_INVALID, f"{parameter} is a link")


def _enter(folder: int, part: str, path: str) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except FileNotFoundError as error:
        raise RelevoError(Code.NOT_FOUND, path) from error
    except OSError as error:  # ENOTDIR and ELOOP: a link, or a file where a folder should be
        raise RelevoError(Code.PARAMETER_INVALID, f"the way to it leads over {part!r}") from error
