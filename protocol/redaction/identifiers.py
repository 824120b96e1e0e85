"""Identifier rules: how people and network things show up in free text."""

from __future__ import annotations

import re

from protocol.redaction.directory import DIRECTORY_RULES
from protocol.redaction.payments import IBAN_RULE
from protocol.redaction.rules import Family, Later, Rule
from protocol.redaction.wordlists import CLEAR_PARTS, COMMON_WORDS, TLDS, TWO_FACED_TLDS

_I = re.IGNORECASE
MAIL = Later(r"(?<![\w.+-])[\w.+'-]{1,64}+(?:@|%40|\\u0040)[A-Za-z0-9][A-Za-z0-9.-]{0,250}[A-Za-z0-9]")
PHONE = Later(
    r"(?<![\w.+-])(?:\+[1-9](?:[ .()-]{0,2}\d){7,14}"
    r"|(?:tel|phone|mobile|m[óo]vil|tel[ée]fono|fax)\.?[\"']?[ \t]{0,3}[:=#]?[ \t]{0,3}[\"']?(?P<v>\+?\d(?:[ .()-]{0,2}\d){6,14})"
    r"|\(\d{3}\) ?\d{3}[-.]\d{4}|\d{3}-\d{3}-\d{4}|[6789]\d\d \d{3} \d{3}|[6789]\d\d \d\d \d\d \d\d)(?![\w-])",
    _I,
)
MAC = Later(
    r"(?<![0-9A-Za-z:.-])(?:[0-9a-f]{2}(?P<sep>[:-])[0-9a-f]{2}(?:(?P=sep)[0-9a-f]{2}){4}(?:(?P=sep)[0-9a-f]{2}){0,14}"
    r"|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![0-9a-f:-]*[0-9a-z])"
    # names of interfaces after their address (systemd.net-naming-scheme(7)), and of devices in BlueZ's tree
    r"|(?:(?<=enx)|(?<=wlx)|(?<=wwx))[0-9a-f]{12}(?![0-9a-z])"
    r"|(?<=dev_)(?:[0-9a-f]{2}_){5}[0-9a-f]{2}(?![0-9a-z])",
    _I,
)
IPV4 = Later(r"(?:(?<![A-Za-z\d.])|(?<=ip))(?:\d{1,3}\.){3}\d{1,3}(?![\w+~])(?!\.\d|-\d{1,6}(?![\d.]))")
IPV4_IN_NAME = Later(r"(?<![0-9A-Za-z])ip-\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3}(?![\w])", _I)
IPV6 = Later(
    # ``::ffff:192.0.2.7`` first: its beginning alone is an address too, and would leave the rest in clear
    r"(?<![\w:.-])(?=[0-9a-f:]{0,8}:)[0-9a-f]{0,4}(?:(?::[0-9a-f]{0,4}){1,6}:\d{1,3}(?:\.\d{1,3}){3}(?!\w)"
    r"|(?::[0-9a-f]{0,4}){2,7}(?![\w:]))",
    _I,
)
IPV6_REVERSE = Later(r"(?<![\w.-])(?:[0-9a-f]\.){1,32}+ip6\.arpa(?![\w-])", _I)
SSID = Later(
    r"\b(?:e?ssid|wi-?fi network|wireless network|(?:added )?'ssid' value)[\"']?[ \t]{0,3}[:=]?[ \t]{0,3}"
    r"(?:\\?\"(?P<a>[^\"\\\n]{1,64}+)|'(?P<b>[^'\n]{1,64}+)|(?<=[:=])(?P<c>[^\s\"',;]{1,64}+)|(?<=[:=] )(?P<d>[^\s\"',;]{1,64}+))",
    _I,
)
SERIAL = Later(
    r"\b(?:serial(?:[ _-]?(?:number|num|no\.?|nr))?|s/n|ID_SERIAL(?:_SHORT)?|(?:service|asset)[ _-]?tag|machine[ _-]?id|imei|wwn)"
    r"(?:\\?[\"'])?[ \t]{0,40}[:=#][ \t]{0,20}(?:\\?[\"'])?(?P<v>[\w./-]{3,80}+)"
    r"|\b(?:ata|nvme|scsi|usb|mmc)-[\w.-]{2,80}?_(?P<w>[A-Za-z0-9-]{6,40}+)(?=(?:-part\d+)?(?:-\d:\d)?(?:[\s\"':,]|$))",
    _I,
)
_LOGIN = r"(?P<v>[^\W\d][\w.-]{0,63}[\w$]|[A-Za-z_])"
_METHOD = r"(?:password|publickey|interactive|pam|hostbased|with-mic|none) for "
_SEP = r"(?:\\{1,4}|/|%2f|%5c)"
_ROOT = (
    r"(?P<root>(?:(?<![\w.])|(?<=file://))(?:/(?:var/|export/|usr/)?home/|/Users/|%2fhome%2f"
    rf"|[a-z]:{_SEP}{{1,2}}(?:Users|Documents and Settings){_SEP}{{1,2}}))"
    r"(?P<who>[^\s\0/\\\"'<>|:;,)%\]}]{1,64}+)"
)
_PART = r"[^\s\0/\\\"'<>|:;,)\]}]{0,255}+"
_DOCUMENT = r"\.(?:pdf|docx?|xlsx?|pptx?|od[tspg]|rtf|txt|csv|jpe?g|png|gif|heic|mp[34]|mov|avi|mkv|zip|rar|7z|eml|msg|pst)\b"
HOME = Later(
    rf"{_ROOT}(?P<rest>(?:{_SEP}{_PART}){{0,40}}+"
    # blanks in names: up to a known ending, or while a folder follows
    rf"(?:(?:[ ][^\s\0/\\\"'<>|:;,]{{1,60}}){{1,5}}?(?:{_DOCUMENT}|(?:{_SEP}{_PART}){{1,40}}+))?)",
    _I,
)
HOME_QUOTED = Later(
    rf"(?P<quote>[\"'])(?=[^\"'\n\0]{{1,4000}}+(?P=quote))(?=[a-z%/]){_ROOT}(?P<rest>{_SEP}[^\n\0\"']{{0,4000}}+)",
    _I,
)
DOMAIN = Later(
    r"(?<![\w.-])(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.){1,10}(?P<tld>[A-Za-z]{2,24}|xn--[a-z0-9-]{2,40})\.?(?![\w-]|\.\w)"
)
URL_HOST = Later(r"://(?:<secret:userinfo>@)?(?P<v>[A-Za-z0-9_][\w.-]{0,250})(?![\w.])", _I)
_NO_DOMAINS = ("asp.net", "vb.net", "ado.net", "java.io", "std.io")
PUBLIC_DOMAINS = (
    "debian.org", "ubuntu.com", "canonical.com", "launchpad.net", "fedoraproject.org", "redhat.com",
    "centos.org", "opensuse.org", "kernel.org", "freedesktop.org", "gnome.org", "kde.org", "gnu.org",
    "pool.ntp.org", "pypi.org", "python.org", "flathub.org", "snapcraft.io", "microsoft.com",
    "windowsupdate.com", "apple.com", "mozilla.org",
)  # fmt: skip
"""Makers of operating systems: which mirror a machine asks says nothing about whose it is."""


def is_domain(name: str, tld: str) -> bool:
    """Whether a dotted name is a domain rather than a file, unit or interface name."""
    low = tld.lower()
    if tld not in (low, tld.upper()) or name.lower() in _NO_DOMAINS or is_public(name):
        return False
    if low in TWO_FACED_TLDS:
        return name.rstrip(".").count(".") >= 2
    return low in TLDS or low.startswith("xn--")


def is_public(name: str) -> bool:
    return any(_is_under(name, base) for base in PUBLIC_DOMAINS)


def _is_under(name: str, base: str) -> bool:
    low = name.lower().rstrip(".")
    return low == base or low.endswith("." + base)


def clear_part(part: str) -> bool:
    """Whether one component of a path below a home folder names no content of the user."""
    return not part or part in CLEAR_PARTS


def _is_login(_match: re.Match[str], found: str) -> bool:
    """Words of a sentence about a user are no login: ``user not known``."""
    return found.casefold() not in COMMON_WORDS


def _user(trigger: str, context: str) -> Rule:
    return Rule(Family.PERSON, "user", trigger, Later(context + _LOGIN, _I), _is_login)


_ASSIGNED = r"(?:user|usr|name|login|acct|account|usuario|owner|sender)"
_USER_RULES: tuple[Rule, ...] = (
    _user(
        _ASSIGNED + r"\\*[\"']?[ \t]?=",
        r"\b(?:[rl]?user|usr|user[_-]?name|login|logname|acct|account|usuario|owner|sender)\\*[\"']?[ \t]?=[ \t]?\\*[\"']?",
    ),
    _user(
        r"(?:user|username|usuario|login)\\*[\"']?:",
        r"\b(?:user|username|usuario|login)\\*[\"']?:[ \t]?\\*[\"']?",
    ),
    _user(
        r"(?:for|of|as|new|to|from|by|in|match|unknown|added|adding|deleted|removed|account|locked|unlocked) user ",
        r"\b(?:for|of|as|new|to|from|by|in|match|unknown|added|adding|deleted|removed|account|locked|unlocked) user ",
    ),
    _user(r"i(?:nvalid|llegal) user ", r"\bi(?:nvalid|llegal) user "),
    _user(
        r"\buser \S+ (?:logged|from|by|at|failed|has|is|was|already|not|does|did|tried|could|added|in group)",
        r"(?<![\w-])user (?=\S{1,64} (?:logged|from|by|at|failed|has|is|was|already|not|does|did|tried|could|added|in group)\b)",
    ),
    _user(_METHOD, rf"\b{_METHOD}(?:invalid user )?"),
    _user(r"by \S+\(uid|su for \S+", r"\b(?:by (?=\S{1,64}\(uid)|su for )"),
    _user(r"\bsudo(?:\[\d+\])?: ", r"\bsudo(?:\[\d{1,10}\])?:[ \t]{1,8}(?=\S{1,64} : )"),
    _user(r"\bcron(?:\[\d+\])?: \(", r"\bCRON(?:\[\d{1,10}\])?: \("),
    _user(r"id=\d{1,10}\(", r"\b(?:uid|gid|euid)=\d{1,10}\("),
    _user(r"~\w{1,32}/", r"(?<=~)(?=\w{1,32}/)"),
)
IDENTIFIER_RULES: tuple[Rule, ...] = (
    Rule(Family.PERSON, "mail", r"@|%40|\\u0040", MAIL),
    Rule(Family.PERSON, "home", r"[\"'](?:/(?:var/|export/|usr/)?home/|/users/|file:|[a-z]:)", HOME_QUOTED),
    Rule(Family.PERSON, "home", r"home/|/users/|home%2f|users(?:[\\%/])|documents and settings", HOME),
    *DIRECTORY_RULES,
    IBAN_RULE,
    Rule(
        Family.PERSON,
        "phone",
        r"\+[1-9][ .()0-9-]{7}|tel|phone|mobile|m[óo]vil|fax|\(\d{3}\) ?\d{3}[-.]\d{4}|\d{3}-\d{3}-\d{4}|"
        r"[6789]\d\d \d{3} \d{3}|[6789]\d\d \d\d \d\d \d\d",
        PHONE,
    ),
    Rule(
        Family.NETWORK,
        "mac",
        r"[0-9a-f]{2}[:-][0-9a-f]{2}[:-][0-9a-f]{2}[:-][0-9a-f]{2}[:-]|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}|"
        r"(?:en|wl|ww)x[0-9a-f]{12}|dev_[0-9a-f]{2}_",
        MAC,
    ),
    Rule(Family.NETWORK, "host", r"ip6\.arpa", IPV6_REVERSE),
    Rule(Family.NETWORK, "ipv6", r"::|(?:[0-9a-f]{1,4}:){5}", IPV6),
    Rule(Family.NETWORK, "ipv4", r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d", IPV4),
    Rule(Family.NETWORK, "ip-name", r"ip-\d", IPV4_IN_NAME),
    Rule(Family.NETWORK, "ssid", r"ssid|wi-?fi network|wireless network", SSID),
    Rule(
        Family.NETWORK,
        "serial",
        r"serial|s/n|(?:service|asset)[ _-]?tag|machine[ _-]?id|imei|wwn|(?:ata|nvme|scsi|usb|mmc)-",
        SERIAL,
    ),
    *_USER_RULES,
    Rule(Family.NETWORK, "url-host", "://", URL_HOST),
    Rule(
        Family.NETWORK,
        "domain",
        r"\.(?:xn--|(?:" + "|".join(sorted(TLDS | TWO_FACED_TLDS)) + r")(?:[^a-z0-9_]|$))",
        DOMAIN,
    ),
)
