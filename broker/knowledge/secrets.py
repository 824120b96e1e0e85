"""What people wrote, before many others read it: the redaction rules of the agents, and a last look."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from protocol.errors import Code, RelevoError
from protocol.knowledge import ArticleText
from protocol.redaction.known import Known, Person
from protocol.redaction.redactor import Redactor
from protocol.redaction.residual import residual
from protocol.scopes import Clearance


def redactor(names: Iterable[str], hosts: Iterable[str]) -> Redactor:
    """A redactor for R1 whose pseudonyms mean nothing outside the text: its key is forgotten with it.

    Args:
        names: full names of people to look for.
        hosts: names of machines.
    """
    people = tuple(Person(login=name, full_name=name) for name in names if name.strip())
    return Redactor(Clearance.R1, secrets.token_bytes(32), known=Known(people, tuple(hosts)))


def without_secrets(text: str) -> str:
    """What people wrote, for systems outside: passwords, keys and tokens go to none of them (4-domain.md,
    "Redaction classes")."""
    return Redactor(Clearance.R3, bytes(32), known=Known()).text(text) if text else text


def require_no_secret(text: ArticleText) -> None:
    """Passwords, keys and tokens do not become common knowledge.

    Raises:
        RelevoError: ``redaction-failed`` with the kind of secret and where it is, never the secret.
    """
    for language, body in text.bodies().items():
        for name, value in (("title", body.title), ("symptoms", body.symptoms), ("body", body.body)):
            try:
                residual(value.encode())
            except RelevoError as error:
                if error.code is not Code.REDACTION_FAILED:
                    raise
                raise RelevoError(Code.REDACTION_FAILED, f"{language}.{name}: {error.detail}") from error
