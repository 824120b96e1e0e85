"""The two ways to talk to a user: a person at a terminal, and answers that were given as options.

Everything is said on stderr; stdout is for the ticket's number. What came from another machine is escaped.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import click

from agent.selfservice import messages
from agent.selfservice.messages import OfferedFix
from protocol.drivers.figures import sentence
from protocol.drivers.shown import folded
from protocol.drivers.terminal import note, printable, words
from protocol.errors import RelevoError
from protocol.findings_model import Severity
from protocol.fix_params import Bilingual
from protocol.fix_states import RunState
from protocol.guide import NO, UNSURE, YES, Guide, Step, branches
from protocol.link import ShownArticle

T = TypeVar("T")
_MOST_FINDINGS = 5
_MOST_LINES = 60
_MOST_ASKED = 20
_BAR = 24
_ROLLED_BACK = frozenset({RunState.UNDONE.value})
_SHORT = (YES, NO, UNSURE)


def said(text: Bilingual) -> str:
    """In the user's language, on one terminal line or several."""
    return printable(text.es if words().language == "es" else text.en, newlines=True)


class Scripted:
    """Answers from the options of ``ask``; shows what happens unless it is quiet."""

    def __init__(
        self,
        *,
        diagnose: bool,
        fix: str | None,
        params: Mapping[str, str],
        solved: bool,
        guide: str | None,
        answers: Mapping[str, str],
        attach: bool,
    ) -> None:
        self._diagnose = diagnose
        self._fix = fix
        self._params = params
        self._solved = solved
        self._guide = guide
        self._answers = answers
        self._attach = attach

    def may_look(self) -> bool | None:
        return self._diagnose

    def looking(self, step: messages.Looking | messages.Stepping) -> None:
        del step

    def looked(self, looked: messages.Looked) -> None:
        for match in looked.matches:
            note(words()("self.known", title=said(match.title)))

    def guide(self, guides: Sequence[Guide], likely: Sequence[Guide]) -> Guide | None:
        del likely
        return next((guide for guide in guides if guide.id == self._guide), None)

    def answer(self, name: str, step: Step) -> str | None:
        chosen = self._answers.get(name)
        return chosen if chosen in branches(step) else None

    def pick_fix(self, fixes: Sequence[OfferedFix]) -> OfferedFix | None:
        """The first that is meant, once: what is not named is not done to a second thing."""
        for fix in fixes:
            values = {parameter.name: parameter.value for parameter in fix.params}
            if fix.fix == self._fix and self._params.items() <= values.items():
                self._fix = None
                return fix
        return None

    def agrees(self, planned: messages.FixPlanned, *, undo: bool) -> bool:
        note(words()("self.plan-undo" if undo else "self.plan"))
        note(printable(planned.planned.plan, newlines=True).rstrip())
        return True

    def ended(self, ended: messages.FixEnded) -> None:
        note(_how_it_ended(ended))

    def solved(self) -> bool:
        return self._solved

    def takes_back(self) -> bool:
        return False

    def searching(self, words: str) -> None:
        del words

    def pick_article(self, articles: Sequence[ShownArticle], seen: frozenset[str]) -> ShownArticle | None:
        return next((article for article in articles if article.article not in seen), None)

    def show_article(self, article: ShownArticle) -> None:
        note(f"{printable(article.article)}  {printable(article.title)}")

    def send(self) -> bool | None:
        return self._attach

    def trouble(self, error: RelevoError) -> None:
        note(words()("self.trouble", why=words()(str(error.code), detail=printable(error.detail))))


class AtTerminal:
    """A person who reads and types. Ctrl-C and the end of the input leave everything as it is."""

    def __init__(self) -> None:
        self._line_open = False
        self._undoing = False

    # --- what is asked -------------------------------------------------------------------------

    def may_look(self) -> bool | None:
        w = words()
        note("")
        note(folded(w("self.intro")))
        note(folded(w("self.reads"), "  "))
        note(folded(w("self.stays"), "  "))
        rows = [("yes", w("self.look.yes")), ("no", w("self.look.no")), ("person", w("self.person"))]
        return {"yes": True, "no": False, "person": None}[self._choose(w("self.look"), rows)]

    def guide(self, guides: Sequence[Guide], likely: Sequence[Guide]) -> Guide | None:
        w = words()
        ordered = [*likely, *(guide for guide in guides if guide not in likely)]
        rows = [(guide.id, said(guide.title)) for guide in ordered]
        chosen = self._choose(w("self.about"), [*rows, ("", w("self.other"))])
        return next((guide for guide in guides if guide.id == chosen), None)

    def answer(self, name: str, step: Step) -> str | None:
        del name
        w = words()
        follows = branches(step)
        rows = [
            (outcome, w(f"self.{outcome}")) for outcome in _SHORT if outcome in follows and not step.answers
        ]
        rows += [(answer.id, said(answer.label)) for answer in step.answers]
        question = said(step.ask) if step.ask is not None else ""
        return self._choose(question, [*rows, ("", w("self.person"))]) or None

    def pick_fix(self, fixes: Sequence[OfferedFix]) -> OfferedFix | None:
        w = words()
        rows = [(str(at), _fix_line(fix)) for at, fix in enumerate(fixes)]
        chosen = self._choose(w("self.fixes"), [*rows, ("", w("self.not-now"))])
        return fixes[int(chosen)] if chosen else None

    def agrees(self, planned: messages.FixPlanned, *, undo: bool) -> bool:
        w = words()
        self._end_line()
        note("")
        note(w("self.plan-undo" if undo else "self.plan"))
        for line in printable(planned.planned.plan, newlines=True).rstrip().splitlines():
            note(f"  | {line}")
        if not undo:
            if planned.planned.check == "absent":
                note(folded(w("self.check.absent")))
            note(w(f"self.reversible.{planned.planned.reversible}"))
        self._undoing = undo
        return self._yes(w("self.do"), preset=False)

    def solved(self) -> bool:
        return self._yes(words()("self.solved?"), preset=None)

    def takes_back(self) -> bool:
        return self._yes(words()("self.undo?"), preset=False)

    def pick_article(self, articles: Sequence[ShownArticle], seen: frozenset[str]) -> ShownArticle | None:
        w = words()
        left = [article for article in articles if article.article not in seen]
        if not left:
            if not articles:
                note(f"  {w('self.articles.none')}")
            return None
        rows = [(str(at), printable(article.title)) for at, article in enumerate(left)]
        chosen = self._choose(w("self.articles"), [*rows, ("", w("self.none"))])
        return left[int(chosen)] if chosen else None

    def send(self) -> bool | None:
        """Whether a person gets what was noticed too; None: nobody gets anything."""
        w = words()
        rows = [(name, w(f"self.send.{name}")) for name in ("all", "words", "no")]
        return {"all": True, "words": False, "no": None}[self._choose(w("self.send"), rows)]

    # --- what is shown -------------------------------------------------------------------------

    def looking(self, step: messages.Looking | messages.Stepping) -> None:
        w = words()
        if isinstance(step, messages.Looking):
            full = _BAR * step.done // max(1, step.total)
            name = f"collector.{step.collector}"
            what = w(name) if w.has(name) else printable(step.collector)
            self._rewrite(f"[{'#' * full}{'.' * (_BAR - full)}] {w('self.looking', what=what)}")
            if step.done == step.total:
                self._end_line(clear=True)
        elif w.has(f"self.doing.{step.state}"):
            self._rewrite(w("self.doing", what=w(f"self.doing.{step.state}")))

    def looked(self, looked: messages.Looked) -> None:
        w = words()
        self._end_line(clear=True)
        found = [finding for finding in looked.findings if finding.severity is not Severity.NOTICE]
        note("")
        note(w("self.found" if found else "self.found.nothing"))
        for finding in found[:_MOST_FINDINGS]:
            note(folded(f"  - {sentence(finding, w)}", "    "))
        if len(found) > _MOST_FINDINGS:
            note(f"  {w('self.found.more', count=len(found) - _MOST_FINDINGS)}")
        if looked.problem is not None:
            note(f"  {w('self.not-compared')}")
        for match in looked.matches:
            note("")
            note(folded(w("self.known", title=said(match.title))))
            note(folded(f"  {said(match.cause)}", "  "))
            if match.workaround is not None:
                note(folded(f"  {w('self.workaround', text=said(match.workaround))}", "  "))

    def ended(self, ended: messages.FixEnded) -> None:
        self._end_line(clear=True)
        note(folded(_how_it_ended(ended, undo=self._undoing)))

    def searching(self, words_: str) -> None:
        note("")
        note(folded(words()("self.searching", words=printable(words_)), "  "))

    def show_article(self, article: ShownArticle) -> None:
        note("")
        note(f"== {printable(article.title)} ==")
        lines = printable(article.text, newlines=True).splitlines()
        for line in lines[:_MOST_LINES]:
            note(folded(line))
        if len(lines) > _MOST_LINES:
            note(words()("self.article.cut"))

    def trouble(self, error: RelevoError) -> None:
        self._end_line(clear=True)
        why = words()(str(error.code), detail=printable(error.detail))
        note(folded(words()("self.trouble", why=why)))

    # --- parts ---------------------------------------------------------------------------------

    def _choose(self, question: str, rows: Sequence[tuple[str, str]]) -> str:
        """The key of the row that the user picks by its number."""
        note("")
        note(folded(question))
        for at, (_key, text) in enumerate(rows, 1):
            note(folded(f"  {at}) {text}", "     "))

        def read(typed: str) -> str | None:
            return rows[int(typed) - 1][0] if typed.isdecimal() and 0 < int(typed) <= len(rows) else None

        return _ask(f"{words()('self.choose')} [1-{len(rows)}]: ", read)

    def _yes(self, question: str, *, preset: bool | None) -> bool:
        """``preset`` is what Enter alone means; None: Enter means nothing."""
        w = words()
        hint = "" if preset is None else " " + w("self.yes-no" if preset else "self.no-yes")
        if preset is None:
            hint = f" [{w('self.yes-letters').split()[0]}/{w('self.no-letters').split()[0]}]"
        answers = dict.fromkeys(w("self.yes-letters").split(), True)
        answers |= dict.fromkeys(w("self.no-letters").split(), False)
        note("")

        def read(typed: str) -> bool | None:
            return preset if not typed else answers.get(typed.casefold())

        return _ask(f"{folded(question)}{hint} ", read)

    def _rewrite(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write("\r\x1b[K" + text[:width])
        sys.stderr.flush()
        self._line_open = True

    def _end_line(self, *, clear: bool = False) -> None:
        if self._line_open:
            sys.stderr.write("\r\x1b[K" if clear else "\n")
            sys.stderr.flush()
            self._line_open = False


def _ask(prompt: str, read: Callable[[str], T | None]) -> T:
    """Ask until ``read`` makes something of what was typed.

    Raises:
        click.Abort: at the end of the input, or after ``_MOST_ASKED`` tries.
    """
    for _ in range(_MOST_ASKED):
        answer = read(_typed(prompt))
        if answer is not None:
            return answer
        note(words()("self.again"))
    raise click.Abort


def _typed(prompt: str) -> str:
    """One line that the user types. Raises click.Abort at the end of the input."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline(4_096)
    if not line:
        sys.stderr.write("\n")
        raise click.Abort
    return line.strip()


def _fix_line(fix: OfferedFix) -> str:
    params = ", ".join(printable(parameter.value) for parameter in fix.params)
    return f"{said(fix.title)}{f' ({params})' if params else ''}. {said(fix.description)}"


def _how_it_ended(ended: messages.FixEnded, *, undo: bool = False) -> str:
    w = words()
    if ended.state in _ROLLED_BACK and not undo:
        return w("self.done.rolled-back")
    key = f"self.done.{ended.state}"
    return w(key if w.has(key) else "self.done.other")
