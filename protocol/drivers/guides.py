"""The shipped guides, read from the files that lie in the package."""

from __future__ import annotations

from importlib import resources

from protocol.errors import Code, RelevoError
from protocol.guide import MAX_GUIDE, Guide, parse_guide

NAMES = (
    "no-network",
    "slow-computer",
    "printer",
    "disk-full",
    "login",
    "application",
    "screen-sound",
    "email",
)
"""In the order in which they are offered."""


def shipped() -> tuple[Guide, ...]:
    """Every guide of this installation.

    Raises:
        RelevoError: ``internal`` when a file is missing or is not the guide it is named for.
    """
    return tuple(_read(name) for name in NAMES)


def _read(name: str) -> Guide:
    try:
        with resources.files("protocol.guides").joinpath(f"{name}.toml").open("rb") as file:
            guide = parse_guide(file.read(MAX_GUIDE + 1))
    except (OSError, ModuleNotFoundError, RelevoError) as error:
        raise RelevoError(Code.INTERNAL, f"guide {name}: {error}") from error
    if guide.id != name:
        raise RelevoError(Code.INTERNAL, f"guide {name} calls itself {guide.id}")
    return guide
