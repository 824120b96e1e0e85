"""Parameters of a fix: what the signed manifest declares, and whether given values keep to it.

Broker, agent and helper each decide this for themselves. A value reaches a fix only as a whole argv item
or as JSON on stdin, so it can never become code; the rules here keep it from being an option, a second
line or a path elsewhere. That a path has no links in it can only be seen on the machine
(``agent.fixes.paths``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Literal

from msgspec import Meta

from protocol.assist import Parameter
from protocol.errors import Code, RelevoError
from protocol.times import parse_duration
from protocol.wire import Line, Wire

MAX_VALUE = 1_024
ParamName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)")]
ParamType = Literal["string", "int", "enum", "path", "service", "package", "user", "host", "duration"]
_INT_LIMIT = 1 << 53

_SHAPES: Mapping[str, str] = {
    "service": r"[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,127}",
    "package": r"[a-z0-9][a-z0-9+.-]{0,127}",
    "user": r"[a-z_][a-z0-9_.-]{0,31}",
    "host": r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?",
}
"""RE2, matched in full. A host is a name (RFC 1123) or an address, IPv6 without brackets."""


class Bilingual(Wire, frozen=True):
    en: Annotated[str, Meta(min_length=1, max_length=2_000)]
    es: Annotated[str, Meta(min_length=1, max_length=2_000)]


class Param(Wire, frozen=True, kw_only=True):
    """One declared parameter. Without ``default`` it must be given."""

    name: ParamName
    type: ParamType
    title: Bilingual
    pattern: Annotated[str, Meta(max_length=300)] = ""
    """RE2; must match the whole value. Empty: only the type decides."""
    min: int | None = None
    """Least ``int``, seconds of a ``duration``, characters of the others."""
    max: int | None = None
    options: Annotated[tuple[Line, ...], Meta(max_length=64)] = ()
    """The values of an ``enum``."""
    roots: Annotated[tuple[Annotated[str, Meta(max_length=300)], ...], Meta(max_length=16)] = ()
    """Folders (absolute) that a ``path`` must lie in; a root that is a file allows just that file."""
    default: Annotated[str, Meta(max_length=MAX_VALUE)] | None = None
    leading_dash: bool = False
    """Allow a value that starts with ``-``: only for tools that cannot take it for an option."""
    from_binding: Annotated[str, Meta(max_length=80)] | None = None
    """Fact of a known error's signature that fills this parameter in."""


def canonical(specs: Iterable[Param], given: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """Every declared parameter with its checked value (the default where none was given), by name.

    Raises:
        RelevoError: ``parameter-invalid`` naming the parameter.
    """
    by_name = {spec.name: spec for spec in specs}
    values: dict[str, str] = {}
    for parameter in given:
        if parameter.name not in by_name:
            raise _invalid(parameter.name, "the fix has no such parameter")
        if parameter.name in values:
            raise _invalid(parameter.name, "given twice")
        values[parameter.name] = parameter.value
    done = []
    for name in sorted(by_name):
        spec = by_name[name]
        value = values.get(name, spec.default)
        if value is None:
            raise _invalid(name, "must be given")
        done.append(Parameter(name=name, value=check_value(spec, value)))
    return tuple(done)


def check_value(spec: Param, value: str) -> str:
    """``value`` in its canonical form (an ``int`` without leading zeros, a ``duration`` in seconds).

    Raises:
        RelevoError: ``parameter-invalid``.
    """
    if not value or len(value) > MAX_VALUE:
        raise _invalid(spec.name, "is empty or too long")
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in value):
        raise _invalid(spec.name, "holds a control character")
    if value.startswith("-") and not spec.leading_dash and spec.type != "int":
        raise _invalid(spec.name, "starts with '-'")
    value = _BY_TYPE[spec.type](spec, value)
    _require_range(spec, value)
    if spec.pattern and not _matches(spec.pattern, value):
        raise _invalid(spec.name, "does not match the declared pattern")
    return value


def require_sound(spec: Param) -> None:
    """Check a declaration itself, before anybody signs it.

    Raises:
        RelevoError: ``usage`` naming what is wrong with it.
    """
    where = f"params.{spec.name}"
    if (spec.type == "enum") != bool(spec.options):
        raise RelevoError(Code.USAGE, f"{where}.options: an enum, and only an enum, lists its options")
    if (spec.type == "path") != bool(spec.roots):
        raise RelevoError(Code.USAGE, f"{where}.roots: a path, and only a path, names its roots")
    if not all(is_plain_path(root) for root in spec.roots):
        raise RelevoError(Code.USAGE, f"{where}.roots: must be absolute, without '..' or '//'")
    if spec.min is not None and spec.max is not None and spec.min > spec.max:
        raise RelevoError(Code.USAGE, f"{where}.min is above max")
    if spec.pattern:
        _compiled(spec.pattern, f"{where}.pattern")
    if spec.default is not None:
        try:
            check_value(spec, spec.default)
        except RelevoError as error:
            raise RelevoError(Code.USAGE, f"{where}.default: {error.detail}") from error


def is_plain_path(path: str) -> bool:
    """Absolute, and already in the one form that means this file: no ``.``, ``..``, ``//`` or final ``/``."""
    return path.startswith("/") and all(part not in ("", ".", "..") for part in path[1:].split("/"))


def lies_in(path: str, root: str) -> bool:
    """Whether a plain path is ``root`` or below it, by its letters alone."""
    return path == root or path.startswith(root + "/")


def _invalid(name: str, why: str) -> RelevoError:
    return RelevoError(Code.PARAMETER_INVALID, f"{name} {why}")


def _string(spec: Param, value: str) -> str:
    return value


def _int(spec: Param, value: str) -> str:
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 16:
        raise _invalid(spec.name, "is not a whole number")
    return str(int(value))


def _enum(spec: Param, value: str) -> str:
    if value not in spec.options:
        raise _invalid(spec.name, "is not one of the options")
    return value


def _path(spec: Param, value: str) -> str:
    if not is_plain_path(value):
        raise _invalid(spec.name, "is not an absolute path without '.', '..' or '//'")
    if not any(lies_in(value, root) for root in spec.roots):
        raise _invalid(spec.name, "lies outside the folders that the fix may touch")
    return value


def _shaped(spec: Param, value: str) -> str:
    if not _matches(_SHAPES[spec.type], value):
        raise _invalid(spec.name, f"is not the name of a {spec.type}")
    return value


def _duration(spec: Param, value: str) -> str:
    try:
        return str(int(parse_duration(value).total_seconds()))
    except (RelevoError, OverflowError) as error:
        raise _invalid(spec.name, "is not a duration such as 90s, 15m or 7d") from error


_BY_TYPE: Mapping[str, Callable[[Param, str], str]] = {
    "string": _string,
    "int": _int,
    "enum": _enum,
    "path": _path,
    "service": _shaped,
    "package": _shaped,
    "user": _shaped,
    "host": _shaped,
    "duration": _duration,
}
NUMERIC = frozenset({"int", "duration"})
"""Types whose canonical value is a decimal number."""


def _require_range(spec: Param, value: str) -> None:
    measure = int(value) if spec.type in NUMERIC else len(value)
    if abs(measure) > _INT_LIMIT:
        raise _invalid(spec.name, "is too large")
    if spec.min is not None and measure < spec.min:
        raise _invalid(spec.name, f"is below {spec.min}")
    if spec.max is not None and measure > spec.max:
        raise _invalid(spec.name, f"is above {spec.max}")


def _matches(pattern: str, value: str) -> bool:
    return bool(_compiled(pattern, "pattern").fullmatch(value))


def _compiled(pattern: str, where: str):  # type: ignore[no-untyped-def]  # re2 ships no types
    # RE2 and not re: a pattern that an administrator wrote must not be able to hang an agent. Imported
    # here because the idle agent imports protocol.assist's neighbours but never checks a parameter.
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        raise RelevoError(Code.USAGE, f"{where}: not an RE2 pattern") from error
