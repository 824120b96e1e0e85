"""What the user is being asked, and the answers: a table of values without I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from agent.messages import Question, RequestView, SessionRow, Verified
from protocol.errors import Code, RelevoError
from protocol.scopes import Scope

_SHOWN_ID = 8


@dataclass
class Held:
    """One session on this machine, from the verified offer to its end."""

    verified: Verified
    ticket_title: str
    consented: tuple[Scope, ...] = ()
    until: datetime | None = None
    open: bool = False
    questions: dict[str, Question] = field(default_factory=dict)

    @property
    def waiting(self) -> bool:
        """True while the user has not answered the offer."""
        return self.until is None

    def row(self) -> SessionRow:
        grant = self.verified.grant
        return SessionRow(
            grant=grant.grant,
            ticket=grant.ticket,
            technician_name=self.verified.technician_name,
            scopes=self.consented,
            until=self.until or grant.ends,
            open=self.open,
        )

    def requests(self) -> Iterable[RequestView]:
        """The offer while it waits, then each question that a fix put to the user."""
        if self.waiting:
            yield self._view(
                "session", self.verified.grant.grant[:_SHOWN_ID], self.verified.grant.establish_by
            )
        for question in self.questions.values():
            yield self._view("fix", question.id, question.answer_by, question.question)

    def _view(self, kind: str, id_: str, answer_by: datetime, question: str = "") -> RequestView:
        verified, grant = self.verified, self.verified.grant
        return RequestView(
            id=id_,
            kind=kind,
            grant=grant.grant,
            ticket=grant.ticket,
            ticket_title=self.ticket_title,
            organisation=verified.organisation,
            technician=grant.technician,
            technician_name=verified.technician_name,
            reason=grant.reason,
            scopes=verified.askable,
            refused_scopes=tuple(s for s in grant.scopes if s not in verified.askable),
            ends=grant.ends,
            answer_by=answer_by,
            question=question,
            invited_by=verified.invited_by,
        )


def find_request(held: Iterable[Held], id_: str) -> tuple[Held, RequestView]:
    """The request with this id, or with the one id or grant that begins so.

    Raises:
        RelevoError: ``not-found``; ``usage`` when several begin so.
    """
    found = [
        (session, request)
        for session in held
        for request in session.requests()
        if request.id == id_
        or request.id.startswith(id_)
        or (request.kind == "session" and request.grant.startswith(id_))
    ]
    if not found:
        raise RelevoError(Code.NOT_FOUND, f"request {id_}")
    if len(found) > 1:
        raise RelevoError(Code.USAGE, f"{id_} could be several requests")
    return found[0]
