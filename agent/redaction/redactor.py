"""The redactor: what one clearance may see of a text, a fact or a path."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from agent.redaction import blocks, identifiers, names, paths, pem
from agent.redaction.classes import TABLE, FactClass, Treatment
from agent.redaction.decoding import decode, narrow
from agent.redaction.known import GENERIC_ACCOUNTS, Known, known_here
from agent.redaction.pseudonyms import TOKEN, Pseudonyms
from agent.redaction.rules import Engine, Family, Rule
from agent.redaction.secrets import SECRET_RULES
from agent.redaction.values import TRIGGER, kind_of
from protocol.scopes import Clearance

MASK = "<masked>"


@functools.cache
def engine_for(families: frozenset[Family]) -> Engine:
    """The rules of some families in their order; built once per process."""
    every = (*SECRET_RULES, *identifiers.IDENTIFIER_RULES)
    return Engine([rule for rule in every if rule.family in families])


class Redactor:
    """Redacts for one clearance on one ticket. Not for use by two threads at once.

    Args:
        clearance: the highest level the reader may see.
        key: the ticket's pseudonym key (``Session.pseudonym_key``).
        requester: login name of the person who asked for help; R2 sees that person's own identifiers.
        known: names to look for; None means this machine's.
    """

    def __init__(
        self, clearance: Clearance, key: bytes, *, requester: str | None = None, known: Known | None = None
    ) -> None:
        self.clearance = clearance
        self._counts: Counter[str] = Counter()
        self._pseudonyms = Pseudonyms(key)
        self._requester = (requester or "").casefold()
        known = known_here() if known is None else known
        self._people, self._meaning = names.people_pattern(known.people)
        self._hosts, self._host_names = names.hosts_pattern(known)
        self._own_name = next(
            (person.full_name.casefold() for person in known.people if self._is_own(person.login)), ""
        )
        self._person = TABLE[FactClass.PERSON, clearance]
        self._network = TABLE[FactClass.NETWORK, clearance]
        self._business = TABLE[FactClass.BUSINESS, clearance]
        families = {Family.SECRET}
        if self._person is not Treatment.CLEAR:
            families.add(Family.PERSON)
        self._secrets = engine_for(frozenset({Family.SECRET}))
        self._technical = engine_for(frozenset(families))
        if self._network is not Treatment.CLEAR:
            families.add(Family.NETWORK)
        self._engine = engine_for(frozenset(families))

    @property
    def counts(self) -> dict[str, int]:
        """How many of each type were replaced so far: ``secret:password``, ``person:user``, …"""
        return dict(sorted(self._counts.items()))

    @property
    def secrets_removed(self) -> int:
        return sum(count for name, count in self._counts.items() if name.startswith("secret:"))

    def text(self, text: str) -> str:
        """Free text of any length, with everything hidden that this clearance may not see.

        Redact before cutting: a secret that was cut in half is only found where its form shows.
        """
        return self._names(self._run(text, self._engine), hosts=True)

    def data(self, data: bytes) -> str:
        """Bytes of a file or an output, UTF-16 included, as redacted text."""
        return self.text(decode(data))

    def value(self, value: Any, fact_class: FactClass | str) -> Any:
        """A typed fact; lists, tuples and the values of dicts are redacted one by one.

        Numbers, booleans and None stay as they are unless they are secrets.
        """
        kind = FactClass(fact_class)
        if isinstance(value, dict):
            return {self._key(key): self.value(item, kind) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self.value(item, kind) for item in value])
        if value is None or (not isinstance(value, str) and kind is not FactClass.SECRET):
            return value
        treatment = TABLE[kind, self.clearance]
        if treatment is Treatment.REMOVE:
            self._counts["secret:value"] += 1
            return "<secret:value>"
        if not value or treatment is Treatment.CLEAR:
            clean = self._run(value, self._technical)
            return self._names(clean, hosts=False) if kind is FactClass.TECHNICAL else clean
        if treatment is Treatment.MASK:
            self._counts["business:masked"] += 1
            return MASK
        return self._person_value(value) if kind is FactClass.PERSON else self._network_value(value)

    def name(self, path: str) -> str:
        """A path or file name. Folders of the system are technical; what lies below a home folder,
        on other disks or has no folder at all is named by the user and hidden as such."""
        clean = self.text(path) if path else path
        if self._business is Treatment.CLEAR or paths.is_technical(path):
            return clean
        if identifiers.HOME.match(path):
            return self._run(paths.one_word(path), self._engine).replace(paths.BLANK, " ")
        return paths.masked(clean, self._file)

    def argv(self, arguments: Sequence[str]) -> list[str]:
        """A command line; a secret may stand in the argument after its option."""
        alone = [self.text(word) for word in arguments]
        joined = self.text(paths.one_word("\0".join(alone))).replace(paths.BLANK, " ").split("\0")
        return joined if len(joined) == len(alone) else alone

    # --- how ---------------------------------------------------------------------------------

    def _run(self, text: str, engine: Engine) -> str:
        text = narrow(text)
        try:
            text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, from a broken JSON string
            text = text.encode("utf-8", "backslashreplace").decode()
        text, keys = pem.remove_keys(text)
        text, below = blocks.remove_blocks(text)
        if keys:
            self._counts["secret:private-key"] += keys
        if below:
            self._counts["secret:secret"] += below
        return engine.apply(text, self._replace)

    def _names(self, text: str, *, hosts: bool) -> str:
        if hosts and self._network is not Treatment.CLEAR and self._hosts is not None:
            text = self._hosts.sub(self._known_host, text)
        if self._person is not Treatment.CLEAR and self._people is not None:
            text = self._people.sub(self._known_person, text)
        return text

    def _replace(self, rule: Rule, match: re.Match[str]) -> str:
        if rule.kind == "home":
            return self._home(match)
        group = match.lastgroup if rule.kind not in ("mac", "domain") else None
        hidden = match[group] if group else match[0]
        if (rule.accept is not None and not rule.accept(match, hidden)) or TOKEN.match(hidden):
            return match[0]
        begin = match.start(group) - match.start() if group else 0
        if rule.family is Family.SECRET:
            kind = kind_of(match[0][:begin]) if rule.trigger is TRIGGER else rule.kind
            new, count = f"<secret:{kind}>", f"secret:{kind}"
        else:
            new, count = self._identifier(rule.kind, hidden, match), f"{rule.family.value}:{rule.kind}"
        if new == hidden:
            return match[0]
        self._counts[count] += 1
        return f"{match[0][:begin]}{new}{match[0][begin + len(hidden) :]}"

    def _identifier(self, kind: str, found: str, match: re.Match[str]) -> str:
        if kind == "user":
            return self._login(found)
        if kind == "mail":
            return self._mail(found)
        if kind == "mac":
            return self._mac(found)
        if kind in ("ipv4", "ipv6"):
            return self._address(found)
        if kind == "ip-name":
            return "ip-" + self._address(match[1].replace("-", "."))
        if kind == "domain":
            return self._pseudonyms.domain(found) if identifiers.is_domain(found, match["tld"]) else found
        return self._pseudonyms.named(kind, found)

    def _is_own(self, login: str) -> bool:
        return bool(self._requester) and login.casefold() == self._requester

    def _shows_own(self, login: str) -> bool:
        return self._person is Treatment.OWN_CLEAR and self._is_own(login)

    def _login(self, login: str) -> str:
        if login.casefold() in GENERIC_ACCOUNTS or login.isdigit() or self._shows_own(login):
            return login
        return self._pseudonyms.named("user", login)

    def _mail(self, found: str) -> str:
        local = re.split(r"@|%40|\\u0040", found, maxsplit=1)[0]
        return found if self._shows_own(local) else self._pseudonyms.named("mail", found)

    def _mac(self, found: str) -> str:
        digits = re.sub(r"[^0-9a-fA-F]", "", found).lower()
        if set(digits) in ({"0"}, {"f"}) or digits.startswith(("3333", "01005e")):
            return found
        return self._pseudonyms.named("mac", digits)

    def _address(self, found: str) -> str:
        try:
            address = ipaddress.ip_address(found)
        except ValueError:
            return found
        if isinstance(address, ipaddress.IPv4Address):
            return self._pseudonyms.ipv4(address)
        return self._pseudonyms.ipv6(address)

    def _home(self, match: re.Match[str]) -> str:
        who, rest = match["who"], match["rest"]
        login = who if TOKEN.match(who) else self._login(who)
        if self._business is not Treatment.CLEAR:
            rest = paths.masked(rest, self._file)
        if (login, rest) != (who, match["rest"]):
            self._counts["person:home"] += 1
        return f"{match['root']}{login}{rest}"

    def _file(self, name: str) -> str:
        if TOKEN.match(name):
            return name
        self._counts["business:file"] += 1
        return self._pseudonyms.named("file", name)

    def _known_person(self, match: re.Match[str]) -> str:
        kind, person = self._meaning[match[0].casefold()]
        if self._shows_own(person.login):
            return match[0]
        self._counts[f"person:{kind}"] += 1
        return (
            self._pseudonyms.named("user", person.login)
            if kind == "user"
            else self._pseudonyms.named("name", person.full_name)
        )

    def _known_host(self, match: re.Match[str]) -> str:
        self._counts["network:host"] += 1
        return self._pseudonyms.named("host", match[0])

    def _person_value(self, value: str) -> str:
        if value.casefold() in GENERIC_ACCOUNTS:
            return value
        if self._person is Treatment.OWN_CLEAR and value.casefold() in (self._requester, self._own_name):
            return value
        clean = self.text(value)
        if clean != value:
            return clean
        self._counts["person:value"] += 1
        return self._pseudonyms.named("user" if " " not in value.strip() else "name", value)

    def _network_value(self, value: str) -> str:
        clean = self.text(value)
        if clean != value or not _names_something(value):
            return clean
        self._counts["network:value"] += 1
        return self._pseudonyms.named("host", value)

    def _key(self, key: Any) -> Any:
        return self.text(key) if isinstance(key, str) else key


_INTERFACE = re.compile(
    r"(?:lo|eth|en|wl|ww|br|docker|veth|virbr|tun|tap|bond|ppp|wg|dummy)[a-z0-9._@-]{0,14}"
)


def _names_something(value: str) -> bool:
    """Whether a network fact that no rule recognised names something: not an address that stays
    clear, an interface, a number or ``localhost``."""
    try:
        ipaddress.ip_interface(value.partition("%")[0])
    except ValueError:
        plain = value.casefold()
        return not (
            _INTERFACE.fullmatch(plain)
            or plain in ("localhost", "default", "*", "")
            or plain.isdigit()
            or TOKEN.match(value)
        )
    return False
