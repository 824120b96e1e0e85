"""The way through self-service: look, known errors, guide, articles; then a person, if it is not solved.

What is asked and shown is the talk's (a person at a terminal, or options given beforehand); what follows from
the answers is decided here, the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent import messages as local
from agent.folder import Folder
from agent.localclient import ask as ask_agent
from agent.selfservice import messages
from agent.selfservice.client import Channel
from agent.selfservice.messages import OfferedFix, Wanted
from protocol.documents import GuideVisit
from protocol.drivers.guides import shipped
from protocol.errors import RelevoError
from protocol.fix_states import RunState
from protocol.guide import MORE, SOLVED, TICKET, Guide, Seen, State, Step, advance, begin, step_of, suggest
from protocol.link import ShownArticle
from protocol.wire import Wire

OTHER = "other"
"""Category of what no guide is for."""
_GOOD = frozenset({RunState.SUCCEEDED.value, RunState.NO_OP.value})
_MAX_ARTICLES = 30
_MAX_QUERY = 500


class Tried(Wire, frozen=True):
    fix: str
    state: str


@dataclass
class Story:
    """What happened, for ``--json`` and for the record."""

    run: str = ""
    outcome: str = "abandoned"
    category: str = OTHER
    ticket: str | None = None
    similar: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    known_errors: tuple[str, ...] = ()
    articles: list[str] = field(default_factory=list)
    fixes: list[Tried] = field(default_factory=list)
    guide: str | None = None
    path: tuple[GuideVisit, ...] = ()
    attached: tuple[str, ...] = ()


class Talk(Protocol):
    """Everything that the user is shown and asked."""

    def may_look(self) -> bool | None:
        """Whether the quick diagnosis may run; None: straight to a person."""

    def looking(self, step: messages.Looking | messages.Stepping) -> None: ...

    def looked(self, looked: messages.Looked) -> None: ...

    def guide(self, guides: Sequence[Guide], likely: Sequence[Guide]) -> Guide | None: ...

    def answer(self, name: str, step: Step) -> str | None:
        """An outcome of a question; None: a person."""

    def pick_fix(self, fixes: Sequence[OfferedFix]) -> OfferedFix | None: ...

    def agrees(self, planned: messages.FixPlanned, *, undo: bool) -> bool:
        """The user's yes to this plan."""

    def ended(self, ended: messages.FixEnded) -> None: ...

    def solved(self) -> bool: ...

    def takes_back(self) -> bool: ...

    def searching(self, words: str) -> None: ...

    def pick_article(self, articles: Sequence[ShownArticle], seen: frozenset[str]) -> ShownArticle | None: ...

    def show_article(self, article: ShownArticle) -> None: ...

    def send(self) -> bool | None:
        """Whether a person gets what was noticed and tried besides the user's words; None: nobody gets
        anything."""

    def trouble(self, error: RelevoError) -> None:
        """Something could not be done; the way goes on without it."""


OpenTicket = Callable[[str | None], local.TicketOpened]
"""Opens the ticket, with its category; journals first."""


class Flow:
    """One user's way. ``run`` ends with a solved problem or a ticket."""

    def __init__(self, folder: Folder, channel: Channel, talk: Talk, text: str, language: str) -> None:
        self._folder = folder
        self._channel = channel
        self._talk = talk
        self._text = text
        self._language = language
        self._seen = Seen()
        self._words = ""
        self.story = Story()

    def run(self, open_ticket: OpenTicket) -> Story:
        """Raises RelevoError: as opening the ticket does, and where the agent goes away."""
        begun = self._channel.call(messages.Begin(text=self._text, language=self._language), messages.Begun)
        self.story.run, self._words = begun.run, begun.words
        may_look = self._talk.may_look()
        if may_look is not None and self._helped(may_look):
            self._close("solved", None)
            return self.story
        attach = False if may_look is None else self._talk.send()
        if attach is None:
            self._close("abandoned", None)
            return self.story
        opened = open_ticket(None if self.story.category == OTHER else self.story.category)
        self.story.ticket, self.story.similar = opened.ticket, opened.similar
        try:
            self._close("ticket", opened.ticket)
        except RelevoError as error:
            # The ticket is open: the user gets its number, and not an error that makes them ask again.
            self.story.outcome = "ticket"
            self._talk.trouble(error)
            return self.story
        if attach:
            self._attach()
        return self.story

    # --- the way -------------------------------------------------------------------------------

    def _helped(self, may_look: bool) -> bool:
        if may_look and self._look():
            return True
        guides = shipped()
        guide = self._talk.guide(guides, suggest(guides, self._text))
        if guide is not None:
            ended = self._walk(guide)
            if ended == SOLVED:
                return True
        return not self.story.articles and self._articles(self._words)

    def _look(self) -> bool:
        """The quick diagnosis, and the fixes of what it knows. True: it is solved."""
        try:
            looked = self._channel.call(messages.Look(), messages.Looked, self._talk.looking)
        except RelevoError as error:
            self._talk.trouble(error)
            return False
        self._seen = Seen(frozenset(finding.rule for finding in looked.findings), frozenset(looked.answered))
        self.story.findings = tuple(dict.fromkeys(finding.rule for finding in looked.findings))
        self.story.known_errors = tuple(match.known_error for match in looked.matches)
        self._talk.looked(looked)
        return self._repair([fix for match in looked.matches for fix in match.fixes])

    def _walk(self, guide: Guide) -> str:
        """Through the guide to one of its ends."""
        self.story.guide, self.story.category = guide.id, guide.category
        state = begin(guide, self._seen)
        while not state.ended:
            self._keep(state)
            outcome = self._step(state.at, step_of(guide, state))
            if outcome is None:
                return TICKET
            state = advance(guide, state, outcome, self._seen)
        self._keep(state)
        return state.at

    def _keep(self, state: State) -> None:
        self.story.path = tuple(GuideVisit(step=visit.step, outcome=visit.outcome) for visit in state.path)

    def _step(self, name: str, step: Step) -> str | None:
        if step.articles is not None:
            words = step.articles.words
            return SOLVED if self._articles(words.es if self._language == "es" else words.en) else MORE
        if step.fix is not None:
            tried = {tried.fix for tried in self.story.fixes}
            wanted = (Wanted(fix=step.fix.fix, params=step.fix.params),) if step.fix.fix not in tried else ()
            return SOLVED if self._repair(self._check(wanted)) else MORE
        return self._talk.answer(name, step)

    # --- fixes ---------------------------------------------------------------------------------

    def _check(self, wanted: tuple[Wanted, ...]) -> tuple[OfferedFix, ...]:
        """What the machine's own verified catalogue says of fixes that somebody named."""
        if not wanted:
            return ()
        try:
            return self._channel.call(messages.Check(fixes=wanted), messages.Offered).fixes
        except RelevoError as error:
            self._talk.trouble(error)
            return ()

    def _repair(self, offered: Sequence[OfferedFix]) -> bool:
        """Fixes that the user picks, one after the other. True: that solved it."""
        left = list(offered)
        while left:
            chosen = self._talk.pick_fix(left)
            if chosen is None:
                return False
            left.remove(chosen)
            try:
                if self._run(chosen):
                    return True
            except RelevoError as error:
                self._talk.trouble(error)
        return False

    def _run(self, fix: OfferedFix) -> bool:
        planned = self._channel.call(
            messages.PlanFix(fix=fix.fix, params=fix.params), messages.FixPlanned, self._talk.looking
        )
        if not self._talk.agrees(planned, undo=False):
            return False
        ended = self._do()
        if ended.state in _GOOD and self._talk.solved():
            return True
        if ended.state == RunState.SUCCEEDED and fix.reversible != "no" and self._talk.takes_back():
            back = self._channel.call(messages.PlanUndo(fix=fix.fix), messages.FixPlanned, self._talk.looking)
            if self._talk.agrees(back, undo=True):
                self._do()
        return False

    def _do(self) -> messages.FixEnded:
        ended = self._channel.call(messages.RunFix(), messages.FixEnded, self._talk.looking)
        self.story.fixes.append(Tried(fix=ended.fix, state=ended.state))
        self._talk.ended(ended)
        return ended

    # --- articles ------------------------------------------------------------------------------

    def _articles(self, words: str) -> bool:
        """Public articles for these words, read one by one. True: that solved it."""
        query = " ".join(words.split())[:_MAX_QUERY]
        if not query:
            return False
        self._talk.searching(query)
        try:
            wanted = local.ArticlesWanted(words=query, language=self._language)
            found = ask_agent(self._folder, wanted, local.ArticleList).rows
        except RelevoError as error:
            self._talk.trouble(error)
            return False
        seen: set[str] = set()
        while article := self._talk.pick_article(found, frozenset(seen)):
            seen.add(article.article)
            if article.article not in self.story.articles and len(self.story.articles) < _MAX_ARTICLES:
                self.story.articles.append(article.article)
            self._talk.show_article(article)
            if (
                self._repair(self._check(tuple(Wanted(fix=fix) for fix in article.fixes)))
                or self._talk.solved()
            ):
                return True
        return False

    # --- the end -------------------------------------------------------------------------------

    def give_up(self) -> None:
        """The user interrupted it: say how far it came, without waiting for anything."""
        if self.story.outcome == "abandoned":
            ticket = self.story.ticket
            self._channel.leave(self._closing("abandoned" if ticket is None else "ticket", ticket))

    def _closing(self, outcome: str, ticket: str | None) -> messages.Close:
        return messages.Close(
            outcome=outcome,
            category=self.story.category,
            ticket=ticket,
            articles=tuple(self.story.articles),
            guide=self.story.guide,
            path=self.story.path,
        )

    def _close(self, outcome: str, ticket: str | None) -> None:
        self._channel.call(self._closing(outcome, ticket), messages.Closed)
        self.story.outcome = outcome
        try:
            ask_agent(self._folder, local.SendRecords(), local.Ok)
        except RelevoError as error:
            self._talk.trouble(error)

    def _attach(self) -> None:
        """What was seen and done, onto the ticket. The ticket is there; what cannot be added is only said."""
        try:
            attached = self._channel.call(messages.Attach(), messages.Attached)
        except RelevoError as error:
            self._talk.trouble(error)
            return
        self.story.attached = attached.artifacts
        if attached.problem is not None:
            self._talk.trouble(RelevoError(attached.problem, "not everything could be put on the ticket"))
