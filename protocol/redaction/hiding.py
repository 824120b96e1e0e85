"""What takes the place of an identifier: who may be seen, and the pseudonym of who may not."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter

from protocol.redaction import directory, identifiers, names, paths, payments
from protocol.redaction.classes import TABLE, FactClass, Treatment
from protocol.redaction.known import Known, Person
from protocol.redaction.pseudonyms import Pseudonyms, is_pseudonym
from protocol.redaction.wordlists import GENERIC_ACCOUNTS
from protocol.scopes import Clearance


class Hiding:
    """Replacements for one clearance, ticket and requester; counts what it replaced."""

    def __init__(self, clearance: Clearance, key: bytes, requester: str | None, known: Known) -> None:
        self.counts: Counter[str] = Counter()
        self.person = TABLE[FactClass.PERSON, clearance]
        self.network = TABLE[FactClass.NETWORK, clearance]
        self.business = TABLE[FactClass.BUSINESS, clearance]
        self.pseudonyms = Pseudonyms(key)
        self._requester = (requester or "").casefold()
        self._people, self._meaning = names.people_names(known.people)
        self._hosts = names.host_names(known)
        self._own_names = {
            person.full_name.casefold() for person in known.people if self._is_own(person.login)
        }

    def identifier(self, kind: str, found: str, match: re.Match[str]) -> str:
        """What an identifier rule's match is replaced by; the same text where it stays."""
        if kind == "domain" and not identifiers.is_domain(found, match["tld"]):
            return found
        special = {
            "user": self.login,
            "mail": self._mail,
            "mac": self._mac,
            "ipv4": self._address,
            "ipv6": self._address,
            "ip-name": self._address_in_name,
            "url-host": self._url_host,
            "domain": self.pseudonyms.domain,
            "iban": self._account,
            "ldap-login": self._directory_login,
            "ldap-name": self._directory_name,
            "ldap-domain": self._directory_domain,
        }
        return special[kind](found) if kind in special else self.pseudonyms.named(kind, found)

    def _account(self, number: str) -> str:
        return self.pseudonyms.named("iban", payments.plain(number))

    def _directory_login(self, found: str) -> str:
        plain = directory.plain_name(found)
        return found if is_pseudonym(plain) or self.login(plain) == plain else self.login(plain)

    def _directory_name(self, found: str) -> str:
        plain = directory.plain_name(found)
        if is_pseudonym(plain) or self.shows_own(plain):
            return found
        return self._directory_login(found) if plain.isalnum() else self.pseudonyms.named("name", plain)

    def _directory_domain(self, found: str) -> str:
        return self.pseudonyms.domain(directory.domain_name(found))

    def login(self, login: str) -> str:
        if login.casefold() in GENERIC_ACCOUNTS or login.isdigit() or self.shows_own(login):
            return login
        return self.pseudonyms.named("user", login)

    def shows_own(self, name: str) -> bool:
        """Whether a login or full name is the requester's own and may be seen."""
        if self.person is not Treatment.OWN_CLEAR:
            return False
        return self._is_own(name) or name.casefold() in self._own_names

    def home(self, match: re.Match[str]) -> str:
        """A path below a home folder: the owner as a person, the rest as business data."""
        who, rest = match["who"], match["rest"]
        shown = who if is_pseudonym(who) else self.login(who)
        if self.business is not Treatment.CLEAR:
            rest = paths.masked(rest, self.file)
        if (shown, rest) != (who, match["rest"]):
            self.counts["person:home"] += 1
        before = match[0][: match.start("root") - match.start()]
        return f"{before}{match['root']}{shown}{rest}"

    def file(self, name: str) -> str:
        if is_pseudonym(name):
            return name
        self.counts["business:file"] += 1
        return self.pseudonyms.named("file", name)

    def known_names(self, text: str, *, hosts: bool) -> str:
        """The people and (with ``hosts``) the host names that this machine knows, anywhere in ``text``."""
        if hosts and self.network is not Treatment.CLEAR:
            text = self._hosts.replace(text, self._known_host)
        if self.person is not Treatment.CLEAR:
            text = self._people.replace(text, self._known_person)
        return text

    def _is_own(self, login: str) -> bool:
        return bool(self._requester) and login.casefold() == self._requester

    def _mail(self, found: str) -> str:
        local, _at, domain = re.split(r"(@|%40|\\u0040)", found, maxsplit=1)
        # getty@tty1.service: an instance of a unit (systemd.unit(5)), which names no person
        if self.shows_own(local) or domain.rpartition(".")[2] in _UNITS:
            return found
        return self.pseudonyms.named("mail", found)

    def _mac(self, found: str) -> str:
        digits = re.sub(r"[^0-9a-fA-F]", "", found).lower()
        if set(digits) in ({"0"}, {"f"}) or digits.startswith(("3333", "01005e")):
            return found
        return self.pseudonyms.named("mac", digits)

    def _address(self, found: str) -> str:
        try:
            address = ipaddress.ip_address(found)
        except ValueError:
            return found
        if isinstance(address, ipaddress.IPv4Address):
            return self.pseudonyms.ipv4(address)
        return self.pseudonyms.ipv6(address)

    def _address_in_name(self, found: str) -> str:
        """``ip-10-1-2-3``, as clouds name their machines."""
        address = self._address(found[3:].replace("-", "."))
        return found if address == found[3:].replace("-", ".") else address

    def _url_host(self, found: str) -> str:
        """Whatever stands for a machine in a URL names one, whatever its ending."""
        if not names_something(found) or identifiers.is_public(found):
            return found
        return self._host(found.rstrip("."))

    def _host(self, name: str) -> str:
        return self.pseudonyms.domain(name) if "." in name else self.pseudonyms.named("host", name)

    def _known_person(self, found: str) -> str:
        kind, person = self._meaning.get(found.lower(), ("name", Person(found, found)))
        if self.shows_own(person.login):
            return found
        self.counts[f"person:{kind}"] += 1
        return self.pseudonyms.named(kind, person.login if kind == "user" else person.full_name)

    def _known_host(self, found: str) -> str:
        self.counts["network:host"] += 1
        return self._host(found)


def names_something(value: str) -> bool:
    """Whether a network fact that no rule recognised names something: not an address that stays
    clear, an interface, a number or ``localhost``."""
    try:
        ipaddress.ip_interface(value.partition("%")[0])
    except ValueError:
        plain = value.casefold()
        stays = plain in ("localhost", "default", "*", "") or plain.isdigit()
        return not (stays or _INTERFACE.fullmatch(plain) or is_pseudonym(value))
    return False


_UNITS = frozenset(
    {"service", "socket", "slice", "scope", "target", "timer", "mount", "device", "path", "swap"}
)
_INTERFACE = re.compile(
    r"(?:lo|eth|en|wl|ww|br|docker|veth|virbr|tun|tap|bond|ppp|wg|dummy)[a-z0-9._@-]{0,14}"
)
