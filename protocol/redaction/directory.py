r"""How directories name people and their domain: Windows security identifiers, and names in LDAP.

Sources: [MS-DTYP] 2.4.2 (``S-1-5-21-`` begins the accounts of a domain or a machine, ``S-1-12-1-`` those of Entra
ID; all others belong to the system); RFC 4514 (distinguished names, and how they escape: ``García\, Ana``),
RFC 4515 (filters), RFC 4519 (attributes).
"""

from __future__ import annotations

import re

from protocol.redaction.rules import Family, Later, Rule

_I = re.IGNORECASE
SID = Later(r"(?<![A-Za-z0-9-])S-1-(?:5-21(?:-\d{1,10}){3,4}|12-1(?:-\d{1,10}){4})(?![0-9A-Za-z]|-\d)", _I)
_VALUE = r"(?:[^\s\0,+;=\\\"'<>()*]|[ ](?! )|(?<=\w)'(?=\w)|\\{1,4}(?:[,+;=\"<>#\\ ]|[0-9a-f]{2})){1,128}+"
_BEHIND = re.compile(rf"(?:[,+;][ ]?[a-z]{{1,24}}={_VALUE}){{1,20}}+", _I)
"""The rest of a distinguished name."""
_PEOPLE = re.compile(
    r"[,+;] ?(?:dc=|(?:ou|cn)=(?:people|users|usuarios|personas|accounts|staff|employees))", _I
)
_NOT_PEOPLE = re.compile(r"[,+;] ?(?:ou|cn)=(?:groups?|grupos|configuration|system|builtin|schema)\b", _I)
_CONTAINERS = frozenset({"users", "people", "groups", "computers", "builtin", "system", "configuration"})
LDAP_LOGIN = Later(
    rf"(?<![\w-])(?:uid|samaccountname|memberuid)=(?P<v>{_VALUE})(?=[,+;][ ]?[a-z]{{1,24}}=|\))", _I
)
LDAP_NAME = Later(
    rf"(?<![\w-])(?:cn=(?P<dn>{_VALUE})(?=[,+;][ ]?[a-z]{{1,24}}=)"
    rf"|(?<=\()(?:cn|sn|givenname|displayname)=(?P<filter>{_VALUE})(?=\)))",
    _I,
)
LDAP_DOMAIN = Later(r"(?<![\w-])dc=(?P<v>[\w-]{1,63}+(?:[ ]?,[ ]?dc=[\w-]{1,63}+){1,10}+)", _I)


def plain_name(found: str) -> str:
    """A value of a distinguished name without its escapes of signs."""
    return re.sub(r"\\+(?=[^\w\\])", "", found).strip()


def domain_name(found: str) -> str:
    """``corp.example`` for ``corp,dc=example``."""
    return ".".join(re.split(r" ?, ?dc=", found, flags=_I))


def _is_person(match: re.Match[str], found: str) -> bool:
    """Of the names below a domain or among people; certificates and settings are named that way too."""
    if found.casefold().strip() in _CONTAINERS:
        return False
    if match["filter"]:
        return True
    rest = _BEHIND.match(match.string, match.end("dn"))
    return rest is not None and bool(_PEOPLE.search(rest[0])) and not _NOT_PEOPLE.search(rest[0])


DIRECTORY_RULES: tuple[Rule, ...] = (
    Rule(Family.PERSON, "winsid", r"s-1-(?:5-21|12-1)-\d", SID),
    Rule(Family.PERSON, "ldap-login", r"(?:uid|samaccountname|memberuid)=[^,+;)\n]*[,+;)]", LDAP_LOGIN),
    Rule(
        Family.PERSON, "ldap-name", r"(?:cn|sn|givenname|displayname)=[^,+;)\n]*[,+;)]", LDAP_NAME, _is_person
    ),
    Rule(Family.NETWORK, "ldap-domain", r"dc=[^,\n]*, ?dc=", LDAP_DOMAIN),
)
