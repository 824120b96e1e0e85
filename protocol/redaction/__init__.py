"""Redaction: one rule set on every channel (4-domain.md, "Redaction classes").

Agents redact at the source (``agent.redaction`` adds what a machine knows by name); the broker uses the same
rules on what people wrote before it becomes an article.
"""

from protocol.redaction.classes import FactClass
from protocol.redaction.decoding import decode
from protocol.redaction.known import Known, Person
from protocol.redaction.redactor import Redactor
from protocol.redaction.residual import residual

__all__ = ["FactClass", "Known", "Person", "Redactor", "decode", "residual"]
