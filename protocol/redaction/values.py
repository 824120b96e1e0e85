"""How a secret's name, separator and value are written in the formats that logs quote."""

from __future__ import annotations

import re

from protocol.redaction.wordlists import NAME_SERVICES, TRIVIAL_VALUES

_NAMES = (
    "password passwd passwort passphrase passcode kennwort contraseña contrasena contrase\\u00f1a clave secret token "
    "api_key access_key account_key private_key shared_key signing_key encryption_key master_key client_key "
    "license_key product_key key_content credential bind_pw root_pw user_pw pre_shared_key psk wep_key community "
    "connection_string session_id sess_id cookie csrf jwt"
)
_WORDS = "pass pwd pw otp totp mfa seed pin sid sig _auth auth"
_SEPARATORS = "[ _-]?"


def _tree(words: list[str]) -> str:
    """An expression for any of some words that compares each letter once."""
    branches: dict[str, list[str]] = {}
    for word in words:
        if word:
            branches.setdefault(word[0], []).append(word[1:])
    parts = [
        (_SEPARATORS if letter == "_" else re.escape(letter)) + _tree(rest)
        for letter, rest in branches.items()
    ]
    joined = parts[0] if len(parts) == 1 else "(?:" + "|".join(parts) + ")" if parts else ""
    return f"(?:{joined})?" if joined and "" in words else joined


KEYS = (
    r"(?=["
    + "".join(sorted({name[0] for name in (*_NAMES.split(), *_WORDS.split())}))
    + r"])(?<!<secret:)(?:"
    + _tree(_NAMES.split())
    + r"|(?<![a-z])(?:"
    + _tree(sorted(_WORDS.replace("_auth", "").split()))
    + r"|_auth)(?![a-z]))(?!:[a-z-]{1,30}>)"
)
"""Names whose value is a secret, as the end of a longer name (``PGPASSWORD``, ``db.password``)."""
TRIGGER = (
    "|".join(re.escape(name).replace("_", _SEPARATORS) for name in _NAMES.split())
    + r"|(?:^|[^a-z])(?:"
    + _WORDS.replace(" ", "|")
    + r")(?:[^a-z]|$)"
)
SUFFIX = r"[\w-]{0,24}+"
SEPARATOR = r"(?:[ \t\xa0.]{0,40}+(?::=|=>|->|=|:)[ \t\xa0]{0,20}+|%3[ad](?:%20|\+)?)"
"""With the blank that is copied out of web pages."""
QUOTED = (
    r"\\{1,7}\"(?P<escaped>[^\"\\\n]*+(?:\\+[^\"\\\n]++)*+)"
    r"|&(?:quot|apos|#34|#39|#x22|#x27);(?P<entity>[^&\n]*+)|%22(?P<encoded>(?:(?!%22)[^\s&])*+)"
    r"|\"(?P<double>(?:[^\"\\\n]|\\.)*+)"
    r"|\\{0,7}'(?P<single>(?:[^'\\\n]|\\[^'\n]|'')*+)"
)
GAP = r"(?:[ \t\0]{1,8}+|[ \t]{0,4}\\{0,7}[\"'][ \t]{0,4},[ \t\n]{0,40}+\\{0,7}(?=[\"']))"
"""Between two arguments: blanks, NUL, or the quotes and comma of a JSON or Python list."""
WORD = (
    r"(?:\\{0,7}\"(?P<dq>[^\"\\\n\0]{1,4000}+)|\\{0,7}'(?P<sq>[^'\\\n\0]{1,4000}+)"
    r"|(?P<w>[^\s\0\"',][^\s\0]{0,4000}+))"
)
NEXT_KEY = r"[ ]?[\w.-]{1,40}+(?:[ ](?:id|source|catalog|security|timeout|size|name|instance))?[=:]"
BARE = rf"(?P<bare>(?:[^\s\0\"'<>,;&]|[,;&](?!{NEXT_KEY}|[\s\0]|$)|[\"'](?![\s\0,;}}\])]|$))++)"
"""To the next blank; a comma, semicolon or ampersand ends it only where another key follows."""
REST_OF_LINE = (
    rf"(?P<rest>(?:[^\s\0,;&\"']|[,;&](?!{NEXT_KEY})|[ \t]++(?![\w.-]{{1,40}}+=)(?=[^\s\0])|[\"'])++)"
)

_ABOUT = re.compile(
    r"(?:max|min|warn|days|age|len|length|size|policy|status|state|expir\w*|valid\w*|changed?|count|file|path|type|kind|"
    r"algorithm|required|authentication|enabled|auth|retries|attempts|quality|hash_?method|last|service|agent)s?$",
    re.IGNORECASE,
)
_ABOUT_VALUE = re.compile(r"[\d.,:-]{1,20}|[a-z]{1,14}|(?:/[\w.@-]{1,60}){1,12}", re.IGNORECASE)
_MASKED = re.compile(r"<(?:secret:[a-z-]+|masked)>|\*{3,}|\[?redacted\]?|x{4,}", re.IGNORECASE)
_SID = re.compile(r"S-1(?:-\d{1,10}){2,16}|winsid-[0-9a-f]{6}", re.IGNORECASE)
"""``SID: S-1-5-18`` of Windows names an account; a session id looks otherwise."""


def is_secret(match: re.Match[str], value: str) -> bool:
    """Whether what follows a secret's name in a match that begins with it is a value worth hiding."""
    return is_value(re.split(r"[\s=:>\"'\\]", match.group(0), maxsplit=1)[0], value)


def is_value(name: str, value: str) -> bool:
    """Whether ``value`` is worth hiding where it stands for the secret of that name."""
    bare = value.strip(" \t\r,;\"'\\")
    if not bare or bare.lower() in TRIVIAL_VALUES or _MASKED.match(bare) or _SID.fullmatch(bare):
        return False
    if name in ("PWD", "pwd", "OLDPWD") and bare.startswith("/"):
        return False
    if NAME_SERVICES.issuperset(bare.split()):
        return False
    return not (_ABOUT.search(name) and _ABOUT_VALUE.fullmatch(bare))


def kind_of(name: str) -> str:
    """The word in ``<secret:…>`` for a secret's name."""
    low = name.lower()
    for word, kind in _KINDS:
        if word in low:
            return kind
    return "password"


_KINDS = (
    ("pass", "password"),
    ("token", "token"),
    ("cookie", "cookie"),
    ("sess", "cookie"),
    ("csrf", "cookie"),
    ("psk", "psk"),
    ("pre-shared", "psk"),
    ("wep", "psk"),
    ("content", "psk"),
    ("community", "community"),
    ("otp", "otp"),
    ("mfa", "otp"),
    ("seed", "otp"),
    ("key", "key"),
    ("secret", "secret"),
    ("auth", "token"),
    ("sid", "cookie"),
    ("sig", "token"),
    ("connection", "connection-string"),
    ("credential", "secret"),
)
