"""Steps that the agent carries out itself: services, whoever manages them on this machine.

Run as a process of its own (``python -m agent.fixes.builtins NAME``) with the same protocol as a payload:
parameters as JSON on stdin, the answer as text and exit status.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from agent import services
from protocol.errors import Code, RelevoError
from protocol.fixes import BUILTINS
from protocol.wire import Wire, from_json
from protocol.wording import Words
from protocol.wording.fix_steps import TABLE

PRESENT, ABSENT, UNKNOWN = 0, 1, 2
_FAULTY = frozenset({services.State.STOPPED, services.State.FAILED})
_MAX_INPUT = 64 << 10


class _Params(Wire, frozen=True):
    service: str


class Given(Wire, frozen=True):
    params: _Params
    state: str | None
    language: str


def status(given: Given, words: Words) -> int:
    """Fault: the service is there and does not run."""
    service = services.status(given.params.service)
    sys.stdout.write(
        words("service.is", service=service.name, manager=service.manager, state=service.state) + "\n"
    )
    if service.state in _FAULTY:
        return PRESENT
    return ABSENT if service.state is services.State.RUNNING else UNKNOWN


def plan(given: Given, words: Words) -> int:
    service = services.status(given.params.service)
    sys.stdout.write(words("service.plan", service=service.name, manager=service.manager) + "\n")
    return 0


def start(given: Given, words: Words) -> int:
    return _answer(services.start(given.params.service))


def stop(given: Given, words: Words) -> int:
    return _answer(services.stop(given.params.service))


TABLE_OF_STEPS: Mapping[str, Callable[[Given, Words], int]] = {
    "service.status": status,
    "service.plan": plan,
    "service.start": start,
    "service.stop": stop,
}
assert frozenset(TABLE_OF_STEPS) == BUILTINS  # noqa: S101 - the signed manifest names these


def main(name: str) -> int:
    try:
        given = from_json(sys.stdin.buffer.read(_MAX_INPUT), Given)
        words = Words("es" if given.language == "es" else "en", TABLE)
        return TABLE_OF_STEPS[name](given, words)
    except RelevoError as error:
        sys.stderr.write(f"{error.code}: {error.detail}\n")
        return UNKNOWN if error.code is not Code.NOT_APPLICABLE else UNKNOWN + 1


def _answer(outcome: services.Outcome) -> int:
    sys.stdout.write(outcome.output + "\n")
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
