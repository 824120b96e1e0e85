"""Is a guide fit to be shown? Everything that is wrong with it, before anybody meets it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from protocol.findings import RULES
from protocol.fix_params import Bilingual
from protocol.guide import ENDS, TICKET, Guide, Step, branches
from protocol.wording.diagnosis import TABLE as WORDS


def problems(guide: Guide) -> tuple[str, ...]:
    """Everything that is wrong with a guide, each with its place; empty for one that can be shown.

    No step has two natures or none; every branch leads somewhere that is there; every step is reached; from
    every step both a person and an end are reached; every question is in both languages; every check asks
    for what a diagnosis can find.
    """
    found = [*_natures(guide), *_languages(guide), *_checks(guide), *_targets(guide)]
    return tuple(found) if found else tuple(_ways(guide))


def _natures(guide: Guide) -> Iterator[str]:
    for name, step in guide.steps.items():
        if name in ENDS:
            yield f"{name}: the name of an end"
        kinds = [kind for kind in (step.ask, step.check, step.articles, step.fix) if kind is not None]
        if len(kinds) != 1:
            yield f"{name}: wants exactly one of ask, check, articles and fix"
        yield from (f"{name}: {wrong}" for wrong in _answers(step))


def _answers(step: Step) -> Iterator[str]:
    answers = [answer.id for answer in step.answers]
    short = [target for target in (step.yes, step.no, step.unsure) if target is not None]
    if step.ask is None and (answers or short):
        yield "only a question has answers"
    if step.ask is not None and len(answers) + len(short) < 2:
        yield "a question wants two answers at least"
    if answers and short:
        yield "either yes and no, or answers"
    if len(set(answers)) != len(answers):
        yield "two answers of the same name"


def _checks(guide: Guide) -> Iterator[str]:
    for name, step in guide.steps.items():
        if step.check is None:
            continue
        if step.check.collector not in RULES:
            yield f"{name}.check: there are no findings of a collector {step.check.collector}"
        for rule in step.check.findings:
            if f"finding.{rule}" not in WORDS:
                yield f"{name}.check: there is no finding {rule}"


def _targets(guide: Guide) -> Iterator[str]:
    if guide.start not in guide.steps:
        yield f"start: there is no step {guide.start}"
    for name, step in guide.steps.items():
        for outcome, target in branches(step).items():
            if target not in guide.steps and target not in ENDS:
                yield f"{name}.{outcome}: there is no step {target}"


def _languages(guide: Guide) -> Iterator[str]:
    for where, text in _texts(guide):
        if not text.en.strip() or not text.es.strip():
            yield f"{where}: a language is missing"
        elif len(text.en.split()) > 2 and text.en == text.es:
            yield f"{where}: both languages say the same"


def _texts(guide: Guide) -> Iterator[tuple[str, Bilingual]]:
    yield "title", guide.title
    for name, step in guide.steps.items():
        if step.ask is not None:
            yield name, step.ask
        if step.articles is not None:
            yield f"{name}.articles", step.articles.words
        yield from ((f"{name}.{answer.id}", answer.label) for answer in step.answers)


def _ways(guide: Guide) -> Iterator[str]:
    follows = {name: set(branches(step).values()) for name, step in guide.steps.items()}
    reached = _reached(follows, {guide.start})
    yield from (f"{name}: nothing leads here" for name in guide.steps if name not in reached)
    for name in guide.steps:
        after = _reached(follows, follows[name])
        if not after & ENDS:
            yield f"{name}: no way out"
        elif TICKET not in after:
            yield f"{name}: no way to a person"
    # A circle of checks alone would answer itself for ever.
    silent = {name: follows[name] for name, step in guide.steps.items() if step.check is not None}
    for name, after in silent.items():
        if name in _reached(silent, after):
            yield f"{name}: a circle in which nobody is asked"


def _reached(follows: Mapping[str, set[str]], first: Iterable[str]) -> set[str]:
    reached: set[str] = set()
    waiting = list(first)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += follows.get(name, ())
    return reached
