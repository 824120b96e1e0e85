"""Numbers by which money is paid: payment cards and bank accounts, told from other digits by their check.

A card's number is a secret: whoever has it may pay with it. An IBAN only says whose account it is, so it is
a person's identifier.

Sources: ISO/IEC 7812-1 (lengths, Luhn's check), the schemes' own number ranges; ISO 13616 (IBAN, modulo 97)
and the SWIFT IBAN registry (length in each country).
"""

from __future__ import annotations

import re

from protocol.redaction.rules import Family, Later, Rule

_RANGES = (
    (re.compile(r"4"), (13, 16, 19)),  # Visa
    (re.compile(r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"3(?:0[0-5]|[689])"), (14, 16, 19)),  # Diners Club
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 19)),  # JCB
    (re.compile(r"6(?:011|4[4-9]|5|2)"), (16, 19)),  # Discover, UnionPay
    (re.compile(r"5018|5020|5038|5893|6304|6759|676[123]"), (13, 15, 16, 19)),  # Maestro
)
_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
    21: "CH CR HR LI LV", 22: "BG BH DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
    33: "RU",
}  # fmt: skip
"""Length of an IBAN: the countries that have it."""

CARD = Later(
    r"(?<![\w.+-])(?:\d{13,19}|\d{4}([ .-])\d{4}\1\d{4}\1\d{4}|3\d{3}([ .-])\d{6}\2\d{4,5})(?!\w|\.\d)"
)
IBAN = Later(
    r"(?<![\w.+-])(?:"
    + "|".join(
        rf"(?:{'|'.join(countries.split())})\d\d(?:[ -]?[A-Z0-9]){{{length - 4}}}"
        for length, countries in sorted(_LENGTHS.items(), reverse=True)
    )
    + r")(?![\w+-])",
    re.IGNORECASE,
)
_IN_IBAN = re.compile(r"[A-Za-z]{2}\d\d(?:[ -]?[0-9A-Za-z]{4}){0,6}[ -]?$")
_GROUPED = re.compile(
    r"[A-Z0-9]{4}(?:([ -])[A-Z0-9]{4}(?:\1[A-Z0-9]{4})*(?:\1[A-Z0-9]{1,3})?)?", re.IGNORECASE
)
_HEX = frozenset("0123456789abcdef")
_MOST_BEFORE = 40
"""Characters: an IBAN with its blanks."""


def plain(number: str) -> str:
    """Letters and figures only: one account has one pseudonym, however it is written."""
    return "".join(char for char in number if char.isalnum())


def is_card(match: re.Match[str], found: str) -> bool:
    """In the range of a scheme and right by Luhn's check; not the middle of an IBAN, nor one figure again
    and again."""
    digits = plain(found)
    if not digits.isascii() or len(set(digits)) == 1 or not _luhn(digits):
        return False
    if not any(len(digits) in lengths and start.match(digits) for start, lengths in _RANGES):
        return False
    before = match.string[max(0, match.start() - _MOST_BEFORE) : match.start()]
    return _IN_IBAN.search(before) is None


def is_iban(_match: re.Match[str], found: str) -> bool:
    """Right by its check, and written in one piece or in fours."""
    number = plain(found)
    if not number.isascii() or (_HEX.issuperset(number) and len(number) == len(found)):
        return False  # lower case and nothing but hexadecimal figures: a checksum or an id
    if len(number) != len(found) and _GROUPED.fullmatch(found) is None:
        return False
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1


def _luhn(digits: str) -> bool:
    even = sum(int(figure) for figure in digits[-1::-2])
    odd = sum((2 * int(figure)) // 10 + (2 * int(figure)) % 10 for figure in digits[-2::-2])
    return (even + odd) % 10 == 0


CARD_RULE = Rule(
    Family.SECRET,
    "card",
    r"[2-6]\d{12}|[2-6]\d{3}[ .-]\d{4}[ .-]\d{4}[ .-]\d{4}|3\d{3}[ .-]\d{6}[ .-]\d{4}",
    CARD,
    is_card,
)
IBAN_RULE = Rule(
    Family.PERSON,
    "iban",
    r"\b(?:" + "|".join(" ".join(_LENGTHS.values()).split()) + r")\d\d(?:[ -]?[a-z0-9]{4}){2}",
    IBAN,
    is_iban,
)
