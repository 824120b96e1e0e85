"""Secret rules that go by a name: ``password = …`` in every syntax that has such a thing."""

from __future__ import annotations

import re

from protocol.redaction.rules import Family, Later, Rule
from protocol.redaction.values import (
    BARE,
    GAP,
    KEYS,
    QUOTED,
    REST_OF_LINE,
    SEPARATOR,
    SUFFIX,
    TRIGGER,
    WORD,
    is_secret,
)

_KEY = KEYS + SUFFIX
_QUOTE = r"(?:\\{0,7}[\"']|&(?:quot|apos|#34|#39|#x22|#x27);|%22)"
_XML_VALUE = r"\s{{0,40}}+(?:<!\[CDATA\[)?(?P<{0}>[^<>\]]{{1,4000}}+)(?=<|\]\]>|\Z)"


_SPOKEN = r"(?:password|passwd|passphrase|passcode|contrase(?:ñ|n)a|clave|secret|pin|token|api key)"


def _rule(pattern: str) -> Rule:
    return Rule(Family.SECRET, "password", TRIGGER, Later(pattern, re.IGNORECASE | re.MULTILINE), is_secret)


KEYED_RULES: tuple[Rule, ...] = (
    # --password X, --db-password X, and the same as items of a list or separated by NUL
    _rule(
        rf"(?<![\w-])--?(?:[a-z]+-){{0,3}}{KEYS}[a-z-]{{0,12}}+(?:\0(?P<item>[^\0]{{1,4000}}+)|{GAP}{WORD})"
    ),
    # {"name": "DB_PASSWORD", "value": "X"}, <add key="Password" value="X"/>
    _rule(
        rf"{_KEY}{_QUOTE}(?:[ \t]{{0,8}},[ \t\n]{{0,40}}+(?:{_QUOTE})?value(?:{_QUOTE})?[ \t]{{0,8}}[:=][ \t]{{0,8}}"
        rf"|[ \t]{{1,8}}value[ \t]{{0,4}}=[ \t]{{0,4}})(?:{QUOTED}|{BARE})"
    ),
    # <password>X</password>, <entry name="dbPassword">X</entry>, <key>Password</key><string>X</string>
    _rule(
        rf"<[\w.:-]{{0,40}}?{_KEY}(?:[ \t][^<>\n]{{0,200}}+)?>"
        + _XML_VALUE.format("element")
        + rf"|{_KEY}{_QUOTE}(?:[ \t][^<>\n]{{0,200}}+)?>"
        + _XML_VALUE.format("named")
        + rf"|<key>[\w.:-]{{0,40}}?{_KEY}</key>\s{{0,40}}+<(?:string|data)>"
        + _XML_VALUE.format("plist")
    ),
    # a whole line or environment entry: what follows the name is the value, blanks and all
    _rule(
        rf"(?:^|(?<=\0))[ \t]{{0,40}}+(?:export[ \t]+|set[ \t]+|- )?[\w.-]{{0,60}}?{_KEY}{SEPARATOR}(?![\"'\\>])"
        + REST_OF_LINE
    ),
    # anywhere in a line
    _rule(rf"{_KEY}(?:{_QUOTE})?\]?{SEPARATOR}(?:{QUOTED}|{BARE})"),
    # in a sentence: "the password is X1", "password set to X1", "password X1", "Password for user x: X1"
    _rule(
        rf"{_SPOKEN}[ \t,]{{1,4}}+(?:(?:is|es|was|era|to|with|con|set to)[ \t]{{1,4}}+)?"
        rf"(?:{_QUOTE}(?P<quoted>[^\"'\\\n]{{1,400}}+){_QUOTE}"
        r"|(?:(?<=is )|(?<=es )|(?<=to )|(?<=was ))(?P<word>(?=[^\s\0]{0,60}?[\d!@#$%^&*+=?])[^\s\0]{3,400}+)"
        r"|(?P<mixed>(?=[^\s\0]{0,60}?\d)(?=[^\s\0]{0,60}?[a-z])[a-z0-9][^\s\0/<>()]{5,400}+)(?=\s|\0|$))"
    ),
    _rule(
        rf"(?<!failed )(?<!accepted ){_SPOKEN}[ \t]for[ \t](?!invalid)[^:\n\0]{{1,80}}+:[ \t]{{1,4}}+(?P<told>[^\s\0]{{1,400}}+)"
    ),
)
