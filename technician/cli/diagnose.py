"""`relevo diagnose`: what is wrong with the machine, signed by it and verified here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import click

from protocol import assist
from protocol.diagnosis import Bundle
from protocol.drivers.terminal import Command, note, option, words
from protocol.errors import Code, RelevoError
from technician.assist import HeldSession, exchange, find_session
from technician.bundles import Receiving, printable_json, verified
from technician.cli.common import Progress, progress, technician_options
from technician.recognising import Recognising

_SILENCE_S = 120.0


@dataclass
class Received:
    """What came back: the bundle, its exact bytes, and where it is on the ticket."""

    bundle: Bundle
    content: bytes
    artifacts: list[str] = field(default_factory=list)


@click.command("diagnose", cls=Command, help="diagnose")
@click.argument("ticket")
@option("--only", metavar="NAME,…", help="option.only")
@option("--all", "everything", is_flag=True, help="option.all-facts")
@technician_options
def diagnose(ticket: str, only: str | None, everything: bool, home: Path, as_json: bool) -> None:
    names = tuple(name.strip() for name in only.split(",") if name.strip()) if only else ()
    if only is not None and not names:
        raise RelevoError(Code.USAGE, "--only")
    held = find_session(home, ticket)
    with progress() as line, Recognising(home, held) as recognising:

        def bundle_came(received: Received) -> None:
            """Shown as soon as it holds, while the machine still stores it on the ticket."""
            recognising.judge(received.bundle)
            if not as_json:
                from technician.reports.diagnosis import show

                line.clear()
                lines = recognising.lines(held.record.ticket)
                show(received.bundle, words(), everything=everything or bool(names), known_errors=lines)

        received = receive(held, assist.Diagnose(only=names), line, bundle_came, reports=not as_json)
    recognising.tell(received.bundle, held.record.ticket, received.artifacts)
    if as_json:
        sys.stdout.buffer.write(printable_json(received.content) + b"\n")
        sys.stdout.buffer.flush()
        return
    for artifact in received.artifacts:
        note(words()("diagnose.stored", artifact=artifact))


def _load_what_comes_next(*, reports: bool) -> None:
    """Import what verifies and shows a bundle while the machine collects it, instead of afterwards."""
    import protocol.documents
    import protocol.dsse  # noqa: F401

    if reports:
        import technician.reports.diagnosis  # noqa: F401


def receive(
    held: HeldSession,
    request: assist.Diagnose,
    line: Progress,
    bundle_came: Callable[[Received], None],
    *,
    reports: bool,
) -> Received:
    """Ask, wait, verify.

    Args:
        bundle_came: called once, with the verified bundle, before it is known whether it was stored.
        reports: the bundle will be shown to a person.

    Raises:
        RelevoError: what the machine said; ``malformed``, ``hash-mismatch``, ``signature-invalid`` or
            ``identity-mismatch`` for an answer that cannot be trusted.
    """
    w = words()
    done, total = 0, 0
    receiving: Receiving | None = None
    received: Received | None = None
    artifacts: list[str] = []
    events = exchange(held, request, timeout_s=_SILENCE_S)
    _load_what_comes_next(reports=reports)
    for event in events:
        match event:
            case assist.Progress():
                total = event.total or 0
            case assist.CollectorDone():
                done += 1
                line.update(w("diagnose.step", name=event.collector), done, total)
            case assist.ContentStart() if receiving is None:
                receiving = Receiving.begin(event)
            case assist.Chunk() if receiving is not None and received is None:
                receiving.add(event)
                line.update(w("diagnose.receiving"), len(receiving.data), receiving.start.size_bytes)
            case assist.ContentEnd() if receiving is not None and received is None:
                record = held.record
                content = receiving.finish(event)
                bundle = verified(
                    content, event.seal, agent=record.agent, grant=record.grant, ticket=record.ticket
                )
                received = Received(bundle, content, artifacts)
                bundle_came(received)
            case assist.Stored():
                artifacts.append(event.artifact)
            case _:
                raise RelevoError(Code.MALFORMED, f"unexpected {type(event).__name__}")
    if received is None:
        raise RelevoError(Code.MALFORMED, "the answer has no bundle")
    return received
