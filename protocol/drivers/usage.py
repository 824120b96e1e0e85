"""What click says itself, in our two languages: wrong arguments and the frame of a help page."""

from __future__ import annotations

import re

import click

from protocol.wording import Words

_EXTRA = re.compile(r"unexpected extra arguments? \((.*)\)", re.DOTALL)
_METAVARS = {
    "OPTIONS": "metavar.options",
    "COMMAND": "metavar.command",
    "ARGS": "metavar.arguments",
    "RANGE": "metavar.number",
    "INTEGER": "metavar.number",
    "FLOAT": "metavar.number",
    "TEXT": "metavar.text",
    "PATH": "metavar.path",
    "TICKET": "metavar.ticket",
    "FILE": "metavar.file",
    "TOKEN_FILE": "metavar.token",
    "DIR": "metavar.folder",
    "CUSTOMER": "metavar.customer",
    "FIX": "metavar.fix",
    "ARTICLE": "metavar.article",
    "KNOWN_ERROR": "metavar.known-error",
    "REASON": "metavar.reason",
    "AGENT": "metavar.machine",
    "DURATION": "metavar.duration",
    "TIME": "metavar.time",
    "ADDRESS": "metavar.address",
    "SCOPE": "metavar.scope",
    "NAME": "metavar.name",
    "VALUE": "metavar.value",
    "CATEGORY": "metavar.category",
    "REQUEST": "metavar.request",
    "QUEUE": "metavar.queue",
    "CODE": "metavar.code",
    "SESSION": "metavar.session",
    "SCORE": "metavar.score",
    "GUIDE": "metavar.guide",
    "STEP": "metavar.step",
    "ANSWER": "metavar.answer",
    "LEVEL": "metavar.level",
    "ARTIFACT": "metavar.artifact",
    "SYSTEM": "metavar.system",
    "HOST": "metavar.host",
    "USER": "metavar.user",
    "EVENT": "metavar.event",
    "TITLE": "metavar.title",
    "PERSON": "metavar.person",
    "RESOLUTION": "metavar.resolution",
    "ROLE": "metavar.role",
    "INVITATION": "metavar.invitation",
    "GRANT": "metavar.grant",
    "ZONE": "metavar.zone",
    "HOURS": "metavar.hours",
    "YEAR": "metavar.year",
    "TIER": "metavar.tier",
    "QUERY": "metavar.query",
    "RISK": "metavar.risk",
}
_METAVAR = re.compile(r"INTEGER RANGE|FLOAT RANGE|[A-Z][A-Z_]+")


def worded(names: str, w: Words) -> str:
    """``[OPTIONS] TICKET`` in the reader's language; what is no word of ours stays."""
    return _METAVAR.sub(lambda found: _one(found[0], w), names)


def _one(name: str, w: Words) -> str:
    key = _METAVARS.get(name.removeprefix("INTEGER ").removeprefix("FLOAT "))
    return w(key) if key else name


def fault(error: click.ClickException, w: Words) -> str:
    """What is wrong with the arguments, in one line."""
    match error:
        case click.exceptions.NoSuchCommand():
            said = _perhaps(w("usage.no-command", name=error.command_name), error.possibilities, w)
        case click.NoSuchOption():
            said = _perhaps(w("usage.no-option", name=error.option_name), error.possibilities, w)
        case click.MissingParameter():
            said = w("usage.missing", name=_name(error.param, w))
        case click.BadOptionUsage():
            said = w("usage.no-value", name=error.option_name)
        case click.BadParameter():
            said = _bad_value(error, w)
        case _:
            said = _plain(error.format_message(), w)
    return said


def _plain(message: str, w: Words) -> str:
    """The faults for which click has no class of its own."""
    extra = _EXTRA.search(message)
    if extra:
        return w("usage.extra", rest=extra[1])
    return w("usage.missing-command") if message == "Missing command." else message


def _bad_value(error: click.BadParameter, w: Words) -> str:
    name, kind = _name(error.param, w), error.param.type if error.param else None
    if isinstance(kind, click.Choice):
        return w("usage.choices", name=name, choices=", ".join(str(choice) for choice in kind.choices))
    if isinstance(kind, click.IntRange):
        return w("usage.range", name=name, low=kind.min, high=kind.max)
    if isinstance(kind, (click.types.IntParamType, click.types.FloatParamType)):
        return w("usage.number", name=name)
    return w("usage.value", name=name)


def _perhaps(fault: str, names: list[str] | None, w: Words) -> str:
    return w("usage.perhaps", fault=fault, names=", ".join(names)) if names else fault


def _name(parameter: click.Parameter | None, w: Words) -> str:
    """``--minutes`` or ``TICKET``, as the help page writes it."""
    if parameter is None:
        return "?"
    if isinstance(parameter, click.Argument):
        return worded((parameter.metavar or parameter.name or "?").upper(), w)
    return max(parameter.opts, key=len)


def extras(parameter: click.Option, context: click.Context, w: Words) -> str:
    """``[required]``, ``[default: 30; 1<=x<=840]`` or nothing."""
    known = parameter.get_help_extra(context)
    found = []
    if "default" in known:
        found.append(w("help.default", value=known["default"]))
    if "range" in known:
        found.append(known["range"])
    if "required" in known:
        found.append(w("help.required"))
    return f"  [{'; '.join(found)}]" if found else ""
