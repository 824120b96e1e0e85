"""Secret rules: every form in which a password, key or token is known to show up.

Sources of the token shapes: the vendors' own secret-scanning pages (GitHub, GitLab, Slack, Stripe,
AWS, Google) and crypt(5) for password hashes.
"""

from __future__ import annotations

import re

from protocol.redaction.keyed import KEYED_RULES
from protocol.redaction.payments import CARD_RULE
from protocol.redaction.programs import PROGRAM_RULES
from protocol.redaction.rules import Family, Later, Rule
from protocol.redaction.values import GAP, is_secret

_I = re.IGNORECASE
_IM = re.IGNORECASE | re.MULTILINE


def _upper_and_digit(_match: re.Match[str], value: str) -> bool:
    """A long run of base64 that looks random: key material, not a path or a public SSH key."""
    if value.startswith("AAAA") or value.count("/") * 12 > len(value):
        return False
    return (
        sum(map(str.isdigit, value)) >= 3
        and sum(map(str.isupper, value)) >= 6
        and sum(map(str.islower, value)) >= 6
    )


def _not_placeholder(_match: re.Match[str], value: str) -> bool:
    return not value.startswith("<secret:")


def _bearer(_match: re.Match[str], value: str) -> bool:
    return any(char in "0123456789=._-+/" for char in value)


TOKENS = Later(
    r"(?<![A-Za-z0-9])(?:"
    r"A(?:KIA|SIA|GPA|IDA|ROA)[0-9A-Z]{12,}|AIza[0-9A-Za-z_-]{20,}|ya29\.[0-9A-Za-z_-]{10,}|GOCSPX-[\w-]{10,}|"
    r"gh[pousr]_[0-9A-Za-z]{10,}|github_pat_\w{10,}|gl(?:pat|ptt|dt|rt|soat|cbt|ft|imt|agent)-[\w.-]{10,}|"
    r"xox[abeprs]-[0-9A-Za-z-]{8,}|xapp-[0-9A-Za-z-]{8,}|"
    r"(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{8,}|whsec_[0-9A-Za-z+/=]{8,}|sk-[\w-]{20,}|"
    r"SG\.[\w-]{10,}\.[\w-]{10,}|npm_[0-9A-Za-z]{20,}|pypi-[\w-]{20,}|dop_v1_[0-9a-f]{20,}|hv[sb]\.[\w-]{20,}|"
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{20,}|ATATT3[\w=-]{20,}|AGE-SECRET-KEY-1[0-9A-Z]{10,}|"
    r"[0-9A-Za-z]{3}8Q~[\w.~-]{20,}|[0-9]{8,10}:AA[\w-]{30,}|key-[0-9a-f]{32}"
    r")"
)

SECRET_RULES: tuple[Rule, ...] = (
    Rule(
        Family.SECRET,
        "auth-header",
        r"authorization|x-(?:api|auth|access|amz|csrf|gitlab|vault)|www-authenticate",
        Later(
            r"\b(?:proxy-)?authorization\\*[\"']?[ \t]*[:=,][ \t]*[\[(]?b?\\*[\"']?(?P<v>[^\"'\\\n\0]{1,8000}+)"
            r"|\bx-(?:api-key|auth-token|access-token|amz-security-token|csrf-token|gitlab-token|vault-token)"
            r"\\*[\"']?[ \t]*[:=,][ \t]*[\[(]?b?\\*[\"']?(?P<x>[^\"'\\\n\0]{1,8000}+)",
            _I,
        ),
        is_secret,
    ),
    Rule(
        Family.SECRET,
        "cookie",
        "cookie",
        Later(
            r"\b(?:set-)?cookie2?\\*[\"']?[ \t]*[:=,][ \t]*[\[(]?b?\\*[\"']?(?P<v>[^\"'\\\n\0]{1,16000}+)",
            _I,
        ),
        is_secret,
    ),
    Rule(
        Family.SECRET,
        "userinfo",
        r"://|:\\+/|%3a%2f%2f",
        Later(
            r"(?::\\{0,7}/\\{0,7}/|%3a%2f%2f)"
            r"(?P<v>[^\s\0/?#@:\"'<>\\]{0,300}+:[^\s\0\"'<>]{0,600}(?=@|%40)|[^\s\0/?#@:\"'<>\\%]{1,300}+(?=@|%40))",
            _I,
        ),
        _not_placeholder,
    ),
    Rule(
        Family.SECRET,
        "otp",
        "otpauth",
        Later(r"otpauth(?:-migration)?:\\?/\\?/(?P<v>[^\s\0\"'<>]{1,2000}+)", _I),
    ),
    Rule(
        Family.SECRET,
        "jwt",
        "eyj",
        Later(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}+(?:\.[A-Za-z0-9_-]*+){0,4}+"),
    ),
    Rule(
        Family.SECRET,
        "token",
        r"akia|asia|agpa|aida|aroa|aiza|ya29|gocspx|gh[pousr]_|github_pat|gl(?:pat|ptt|dt|rt|soat|cbt|ft|imt|agent)-|"
        r"xox|xapp|_live_|_test_|whsec|sk-|sg\.|npm_|pypi-|dop_v1|hv[sb]\.|shp|atatt|age-secret|8q~|:aa|key-",
        TOKENS,
    ),
    Rule(
        Family.SECRET,
        "token",
        "hooks|webhook",
        Later(
            r"(?:hooks\.slack\.com/(?:services|workflows)|discord(?:app)?\.com/api/webhooks)/(?P<v>[\w/-]{10,}+)"
        ),
    ),
    Rule(
        Family.SECRET,
        "token",
        "bearer|basic|negotiate|digest",
        Later(r"\b(?:bearer|basic|negotiate)[ \t]{1,4}+(?P<v>[A-Za-z0-9._~+/-]{8,}+=*+)", _I),
        _bearer,
    ),
    Rule(
        Family.SECRET,
        "hash",
        r"\$|\{(?:s?sha|crypt|smd5|pbkdf2|argon)|:::",
        Later(
            r"\$(?:1|2[abxy]?|5|6|7|8|9|y|gy|sha1|md5|apr1|argon2\w{1,2}|pbkdf2[\w-]*|scrypt)\$[./A-Za-z0-9$=,+-]{12,}+"
            r"|\{(?:s?sha\d{0,3}|crypt|smd5|pbkdf2[\w-]{0,10}|argon2)\}[./A-Za-z0-9$=,+-]{8,}+"
            r"|\b[0-9a-f]{32}:[0-9a-f]{32}(?=:::)",
            _I,
        ),
    ),
    Rule(
        Family.SECRET,
        "community",
        "community|com2sec|snmp",
        Later(
            r"\b(?:r[ow]community6?|trap(?:sink|2sink)?community|snmp-server[ \t]+community|community[ \t]+string)"
            r"[ \t:=]{1,8}+(?P<a>[^\s\0#]{1,200}+)"
            r"|\bcom2sec6?[ \t]+\S{1,100}+[ \t]+\S{1,100}+[ \t]+(?P<b>[^\s\0]{1,200}+)"
            r"|\bsnmp(?:get|walk|bulkwalk|bulkget|set|trap|getnext|table|status|df)\b[^\n]{0,200}?[ \t\0\"',]-c"
            r"(?:" + GAP + r"\\{0,7}[\"']?|)(?P<c>[^\s\0\"',\\]{1,200}+)",
            _I,
        ),
        is_secret,
    ),
    Rule(
        Family.SECRET,
        "password",
        r"requirepass|masterauth|identified (?:by|as|with)|bindpw|rootpw|createuser|\bpass:|\blogin[ \t]+\S+\s+password|"
        r"enable[ \t]+secret",
        Later(
            r"(?:^|[\s\0])(?:requirepass|masterauth|bindpw|rootpw(?:[ \t]+--\w+)*|enable[ \t]+secret(?:[ \t]+\d)?)[ \t]{1,20}+(?P<a>[^\s\0]{1,400}+)"
            r"|\bidentified[ \t]+(?:with[ \t]+\S{1,60}+[ \t]+)?(?:by|as)[ \t]+(?:password[ \t]+)?\\{0,7}[\"'](?P<b>[^\"'\\\n]{1,400}+)"
            r"|\bcreateuser[ \t]+\S{1,100}+[ \t]+(?:md5|sha\S{0,6})[ \t]+[\"']?(?P<c>[^\n\0]{1,400}+)"
            r"|\blogin[ \t]+\S{1,200}+\s{1,20}+password[ \t]+(?P<d>[^\s\0]{1,400}+)"
            r"|(?<![\w])pass:(?P<e>[^\s\0\"',]{1,400}+)",
            _IM,
        ),
        is_secret,
    ),
    Rule(
        Family.SECRET,
        "token",
        r"[?&](?:code|sig|signature|key|auth|ticket|nonce|x-amz-\w+|sas)=",
        Later(
            r"[?&](?:code|sig|signature|key|auth|ticket|nonce|x-amz-(?:signature|credential|security-token)|sas)="
            r"(?P<v>[^\s\0\"'<>&#]{1,4000}+)",
            _I,
        ),
        is_secret,
    ),
    CARD_RULE,
    *PROGRAM_RULES,
    *KEYED_RULES,
    Rule(
        Family.SECRET,
        "password",
        r"(?m)^[\w.*-]+:(?:\d{2,5}|\*):[\w.*-]+:[\w.*@-]+:[^\s:]+$|(?m)^\[?[\w.-]+(?:\]|:\d{2,5})+[ \t]+[\w.@+-]+:\S+$",
        Later(
            r"^[\w.*-]{1,200}+:(?:\d{2,5}|\*):[\w.*-]{1,100}+:[\w.*@-]{1,100}+:(?P<a>[^\s\0:]{1,400}+)$"
            r"|^(?:\[[\w.-]{1,200}+\](?::\d{2,5})?|[\w.-]{1,200}+:\d{2,5})[ \t]{1,20}+[\w.@+-]{1,200}+:(?P<b>[^\s\0:/\d][^\s\0]{0,400}+)$",
            re.MULTILINE,
        ),
    ),
    Rule(
        Family.SECRET,
        "key",
        r"[a-z0-9+/]{60}",
        Later(r"(?<![A-Za-z0-9+/_.-])[A-Za-z0-9+/]{60,}+={0,2}+(?![A-Za-z0-9_-])"),
        _upper_and_digit,
    ),
)
