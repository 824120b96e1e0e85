"""Secrets whose value stands on the lines below their name: YAML, and prompts with what was typed after them.

A name counts only where nothing but its prompt stands on its line, and the line below it only where it is one
word: more words are a sentence about the secret.
"""

from __future__ import annotations

import re

import re2

from protocol.redaction.values import is_value

_LONG = (
    r"(?:pass[ _-]?(?:word|wd|phrase|code)|passwort|kennwort|contrase(?:ñ|n)a|clave|secret|token|credential"
    r"|api[ _-]?key|(?:private|access|account|shared|encryption|master)[ _-]?key)"
)
_SHORT = r"(?:pwd|pin|otp|psk)"
_NAME = rf"(?:{_LONG}[\w-]{{0,24}}|(?<![a-z]){_SHORT}(?![a-z]))"
_ASKED = (
    r"(?:(?:\[sudo\]|please|enter|type|re-?enter|re-?type|repeat|confirm|new|old|current|\(current\)|unix|your|the|user"
    r"|admin|root|ldap|login|vault|pem|import|export|master|introduzca|introduce|escriba|escribe|repita|repite"
    r"|confirme|nueva|actual|la|su|tu|[\w.+-]{1,64}@[\w.-]{1,250}'s)[ ]){0,5}"
)
"""How programs ask for one: ``Enter new UNIX password:``, ``[sudo] password for ana:``."""
_OF = r"(?:[ ](?:(?:for|de|para)[ ][^\n]{1,120}?|\([^()\n]{1,60}\)))?"
_BLOCKS = re.compile(
    rf"^(?P<indent>[ \t]*+)(?:- )?{_ASKED}[\"']?(?P<name>[\w.-]{{0,60}}?{_NAME})[\"']?{_OF}:[ \t]*"
    r"(?:[|>][+-]?\d?[ \t]*\r?\n(?P<block>(?:(?P=indent)[ \t]+(?!<secret:)[^\n]*+(?:\n|\Z))++)"
    r"|\r?\n(?P<below>[ \t]*+)(?:- )?"
    r"(?P<next>\"[^\"\n]{1,4000}+\"|'[^'\n]{1,4000}+'|(?![\"']|</?[a-z!?])[^\s\0]{1,4000}+(?<!:))[ \t]*(?=\r?$))",
    re.IGNORECASE | re.MULTILINE,
)
_options = re2.Options()
_options.case_sensitive = False
_TRIGGER = re2.compile(
    rf"(?:{_LONG}[\w-]*|{_SHORT})[\"']?(?:[ ][^\n]*)?:[ \t]*(?:[|>][+\-0-9]*[ \t]*)?\r?\n", _options
)
_NO_VALUE = re.compile(r"[\w.-]+=(?!=*$)|\[[^\]]*\]$|[\W_]+$")
"""What follows an empty value in a file of settings: the next setting, a section, a rule."""


def remove_blocks(text: str) -> tuple[str, int]:
    """``text`` without secrets that follow their name on lines of their own, and how many."""
    if "\n" not in text or not _TRIGGER.search(text):
        return text, 0
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        if match["block"] is None and not _is_value(match):
            return match[0]
        count += 1
        return _without(match)

    return _BLOCKS.sub(replace, text), count


def _is_value(match: re.Match[str]) -> bool:
    value = match["next"]
    # Below its name and further in it is YAML's value, whatever it looks like.
    inside = len(match["below"]) > len(match["indent"])
    return is_value(match["name"], value) and (inside or _NO_VALUE.match(value) is None)


def _without(match: re.Match[str]) -> str:
    group = "block" if match["block"] is not None else "next"
    start, end = match.start(group) - match.start(), match.end(group) - match.start()
    indent = "" if group == "next" else f"{match['indent']}  "
    tail = "\n" if match[group].endswith("\n") else ""
    return f"{match[0][:start]}{indent}<secret:secret>{tail}{match[0][end:]}"
