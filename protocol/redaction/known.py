"""Names to look for in texts: of people and of machines. Where they come from is the caller's business."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """An account of a person: login name, full name from GECOS (may be empty), home folder."""

    login: str
    full_name: str = ""
    home: str = ""


@dataclass(frozen=True)
class Known:
    """Names to look for in free text."""

    people: tuple[Person, ...] = ()
    hosts: tuple[str, ...] = ()
