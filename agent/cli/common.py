"""What every `relevo-agent` command shares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.folder import Folder
from protocol.drivers.terminal import common_options, option

F = TypeVar("F", bound=Callable[..., Any])


def folder_from(context: click.Context, _parameter: click.Parameter, value: str | None) -> Folder:
    """``--data`` here or before the command, ``RELEVO_AGENT_DATA``, else the platform's place."""
    chosen = value or context.find_root().params.get("data_everywhere")
    if chosen:
        return Folder(Path(chosen).expanduser().absolute())
    import platformdirs

    return Folder(Path(platformdirs.user_data_dir("relevo-agent")))


def agent_options(function: F) -> F:
    """``--data``, ``--json``, ``--lang``, ``--debug``; passes ``folder`` and ``as_json``."""
    function = option("--data", "folder", metavar="DIR", callback=folder_from, help="option.data")(function)
    return common_options(function)
