"""Redaction at the source: the common rules (``protocol.redaction``) and what this machine knows by name."""

from agent.redaction.known import known_here
from agent.redaction.redactor import Redactor
from protocol.redaction import FactClass, Known, Person, decode, residual

__all__ = ["FactClass", "Known", "Person", "Redactor", "decode", "known_here", "residual"]
