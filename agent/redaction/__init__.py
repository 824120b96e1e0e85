"""Redaction at the source: one rule set on every channel (4-domain.md, "Redaction classes")."""

from agent.redaction.classes import FactClass
from agent.redaction.decoding import decode
from agent.redaction.known import Known, Person, known_here
from agent.redaction.redactor import Redactor
from agent.redaction.residual import residual

__all__ = ["FactClass", "Known", "Person", "Redactor", "decode", "known_here", "residual"]
