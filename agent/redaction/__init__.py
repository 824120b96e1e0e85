"""Redaction at the source: the common rules (``protocol.redaction``) and what this machine knows by name."""

from agent.redaction.known import known_here
from agent.redaction.redactor import Redactor
from protocol.redaction.classes import FactClass
from protocol.redaction.decoding import decode
from protocol.redaction.known import Known, Person
from protocol.redaction.residual import residual

__all__ = ["FactClass", "Known", "Person", "Redactor", "decode", "known_here", "residual"]
