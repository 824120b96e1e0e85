"""Secret rules for the arguments of programs that take a password on their command line."""

from __future__ import annotations

import re

from protocol.redaction.rules import Family, Later, Rule
from protocol.redaction.values import GAP, WORD, is_secret

_QUOTE = r"\\{0,7}[\"']"
_ARGUMENT = rf"(?:{_QUOTE})?[ \t\0,=]{{1,8}}+(?:{_QUOTE})?(?P<v>[^\s\0\"']{{1,400}}+)"
"""The next argument, in a line, a list or between NULs."""
_AHEAD = r"\b[^\n]{0,400}?[ \t\0\"']"


def _rule(kind: str, trigger: str, pattern: str) -> Rule:
    return Rule(Family.SECRET, kind, trigger, Later(pattern, re.IGNORECASE | re.MULTILINE), is_secret)


def _option(programs: str, option: str) -> Rule:
    """``program … -o SECRET``: options are told apart by case."""
    pattern = Later(rf"\b(?:{programs}){_AHEAD}{option}(?!\w){_ARGUMENT}")
    return Rule(Family.SECRET, "password", rf"\b(?:{programs})\b", pattern, is_secret)


PROGRAM_RULES: tuple[Rule, ...] = (
    Rule(
        Family.SECRET,
        "password",
        r"mysql|mariadb|mongo|sshpass|7z|zip",
        Later(
            rf"\b(?:mysql\w*|mariadb[\w-]*|7z[az]?|unzip|zip|mongo\w*|sshpass){_AHEAD}"
            rf"-[pP](?:{GAP}{WORD}|(?P<a>[^\s\0\"'=][^\s\0\"']{{0,400}}+))"
        ),
        is_secret,
    ),
    _option(r"ldap(?:search|modify|add|delete|passwd|whoami|compare)", "-w"),
    _option(r"redis-cli", "-a"),
    _option(r"ipmitool|vncviewer|sqlcmd|osql", "-P"),
    _option(r"docker login|podman login|useradd|usermod", "-p"),
    _option(r"openssl", "-[kK]"),
    _option(r"keytool|jarsigner", "-(?:store|key|new|src|dest|srcstore|deststore)pass"),
    Rule(
        Family.SECRET,
        "password",
        r"curl|wget|smbclient|rpcclient|\bnet ",
        Later(
            rf"\b(?:curl|wget|smbclient|rpcclient|net){_AHEAD}(?:-u|-U|--user|--proxy-user)"
            rf"(?:(?:{_QUOTE})?[ \t\0,=]{{1,8}}+(?:{_QUOTE})?|)[^\s\0\"':%]{{1,200}}+[:%](?P<d>[^\s\0\"']{{1,400}}+)"
        ),
        is_secret,
    ),
    _rule("password", "xfreerdp", r"\bxfreerdp\b[^\n]{0,400}?/p:(?P<f>[^\s\0\"']{1,400}+)"),
    _rule(
        "password",
        "htpasswd",
        r"\bhtpasswd\s+-\w{0,8}b\w{0,8}\s+\S{1,200}+\s+\S{1,200}+\s+(?P<v>[^\s\0]{1,400}+)",
    ),
    _rule(
        "password",
        r"\becho\b.*\|.*(?:sudo|passwd|\bsu\b|openssl|cryptsetup|login)",
        r"\becho\s+(?:-\w{1,4}\s+)?[\"']?(?P<v>[^\"'|\n]{1,200}?)[\"']?\s{0,8}\|\s{0,8}"
        r"(?:sudo\s+-\w{0,8}S|\w{0,8}passwd|su\b|openssl|cryptsetup|(?:docker|podman) login)",
    ),
    _rule("password", "chpasswd", r"\bchpasswd\s{0,8}<<<?\s{0,8}[\"']?(?P<v>[^\"'\n]{1,400}+)"),
    _rule(
        "password",
        r"assword.*send|expect.*send",
        r"(?:assword|expect)[^\n]{0,200}?\bsend\s+(?:--\s+)?[\"'](?P<v>[^\"'\n]{1,200}+)",
    ),
    _rule("psk", "iwconfig", r"\biwconfig\s+\S{1,40}+\s+(?:key|enc\w{0,12})\s+(?P<v>\S{1,200}+)"),
    _rule("psk", "wpa", r"\bwpa_passphrase" + GAP + r"\S{1,64}" + GAP + WORD),
    _rule("psk", r"\bwpa-(?:psk|password)", r"\bwpa-(?:psk|password)[ \t]{1,8}+(?P<v>[^\n\0]{1,200}+)"),
    _rule("hash", "password_pbkdf2", r"\bpassword_pbkdf2[ \t]{1,8}+\S{1,100}+[ \t]{1,8}+(?P<v>\S{1,2000}+)"),
    _rule(
        "password",
        r"\bnet1? use",
        r"\bnet1?[ \t]+use[ \t]+[^\n]{0,200}?\\\\\S{1,200}+[ \t]+(?P<f>[^\s/*][^\s]{0,200}+)",
    ),
)
