"""How a secret's name, separator and value are written in the formats that logs quote."""

from __future__ import annotations

import re

from agent.redaction.wordlists import TRIVIAL_VALUES

KEYS = (
    r"(?<!<secret:)(?:password|passwd|passwort|passphrase|passcode|kennwort|contrase(?:ñ|n|\\u00f1)a|clave|secret(?!:[a-z-]{1,30}>)|token|"
    r"api[_-]?key|apikey|access[_-]?key|account[_-]?key|private[_-]?key|shared[_-]?key|signing[_-]?key|"
    r"encryption[_-]?key|master[_-]?key|client[_-]?key|license[_-]?key|product[_-]?key|key ?content|"
    r"credentials?|bind_?pw|root_?pw|user_?pw|pre[_-]?shared[_-]?key|psk|wep[_-]?key\d?|"
    r"community|connection_?string|sess(?:ion)?[_-]?id|sessid|cookies?|csrf\w{0,10}|"
    r"(?<![a-z])(?:pass|pwd|pw|otp|totp|mfa|seed|pin|sid|sig|_auth|auth)(?![a-z]))"
)
"""Names whose value is a secret, as the end of a longer name (``PGPASSWORD``, ``db.password``)."""
TRIGGER = (
    r"passw|passphrase|passcode|kennwort|contrase|clave|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|"
    r"private[_-]?key|shared[_-]?key|signing[_-]?key|encryption[_-]?key|master[_-]?key|client[_-]?key|"
    r"license[_-]?key|product[_-]?key|key ?content|credential|bind_?pw|root_?pw|user_?pw|psk|wep[_-]?key|"
    r"community|connection_?string|sess(?:ion)?[_-]?id|sessid|cookie|csrf|"
    r"(?:^|[^a-z])(?:pass|pwd|pw|otp|totp|mfa|seed|pin|sid|sig|_?auth)(?:[^a-z]|$)"
)
SUFFIX = r"[\w-]{0,24}+"
SEPARATOR = r"[ \t.]{0,40}+(?::=|=>|->|=|:)[ \t]{0,20}+"
QUOTED = (
    r"\\{1,7}\"(?P<escaped>[^\"\\\n]*+(?:\\+[^\"\\\n]++)*+)"
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


def is_secret(match: re.Match[str], value: str) -> bool:
    """Whether what follows a secret's name is a value worth hiding."""
    bare = value.strip(" \t\r,;\"'\\")
    if not bare or bare.lower() in TRIVIAL_VALUES or _MASKED.match(bare):
        return False
    name = re.split(r"[\s=:>\"'\\]", match.group(0), maxsplit=1)[0]
    if name in ("PWD", "pwd", "OLDPWD") and bare.startswith("/"):
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
