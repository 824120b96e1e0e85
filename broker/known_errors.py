"""Known errors of a publication: read from verified targets, and never back to an older version."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from protocol import layout
from protocol.errors import Code, RelevoError
from protocol.known_errors import MAX_KNOWN_ERRORS, KnownError, read_known_error

_log = structlog.get_logger("broker.known_errors")


def read_known_errors(
    paths: Iterable[str], content: Callable[[str], bytes], *, strict: bool
) -> tuple[KnownError, ...]:
    """The known errors among the top-level targets, by id.

    Args:
        content: a verified target file by path.
        strict: a publication is being taken in, and nothing unreadable comes in with it. Otherwise, at
            start, what this version cannot read is left out, so that it does not keep the broker down.

    Raises:
        RelevoError: ``refused`` for a path that is none of ours or too many; what is wrong with one.
    """
    found: list[KnownError] = []
    for path in sorted(path for path in paths if path.startswith(layout.KNOWN_ERRORS)):
        id_ = layout.parse_known_error_path(path)
        try:
            if id_ is None or len(found) == MAX_KNOWN_ERRORS:
                raise RelevoError(Code.REFUSED, f"no place for {path[:150]}")
            found.append(read_known_error(content(path), id_))
        except RelevoError as error:
            if strict:
                raise
            _log.error("known-error-left-out", path=path[:150], code=error.code.value)
    return tuple(found)


def require_forward(before: Iterable[KnownError], after: Iterable[KnownError]) -> None:
    """What is published under an id changes only with a higher version.

    Raises:
        RelevoError: ``rollback``.
    """
    held = {known.id: known for known in before}
    for known in after:
        old = held.get(known.id)
        if old is not None and known != old and known.version <= old.version:
            raise RelevoError(
                Code.ROLLBACK, f"known error {known.id} {known.version}, published is {old.version}"
            )
