"""Keyed pseudonyms: the same thing has the same name within a ticket, and none outside it."""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
import re
import unicodedata

KINDS = "user|name|mail|host|dom|net6?|mac|ssid|serial|phone|iban|winsid|file"
"""What a pseudonym begins with, before its hyphen: an expression."""
HEAD = rf"(?:{KINDS})-(?:local\.)?[0-9a-f]{{6}}"
"""The part that every pseudonym has: an expression."""
_TOKEN = re.compile(
    rf"{HEAD}"
    r"(?:\.(?:\d{1,3}|[0-9a-f]{6}|dom-[0-9a-f]{6}))?(?:\.[A-Za-z0-9]{1,5})?"
)
_CACHE = 4_096


def is_pseudonym(text: str) -> bool:
    """Whether ``text`` is a pseudonym and nothing else: it is never replaced again."""
    return _TOKEN.fullmatch(text) is not None


class Pseudonyms:
    """Names made with HMAC-SHA-256 under the ticket's key.

    Args:
        key: at least 16 bytes; never leaves the machine.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("pseudonym key is too short")
        self._key = key
        self._token = functools.lru_cache(_CACHE)(self._make)
        self._ipv4 = functools.lru_cache(_CACHE)(self._make_ipv4)
        self._hosts_of = functools.lru_cache(256)(self._make_hosts)

    def named(self, kind: str, value: str) -> str:
        """``kind-3f9a1c`` for a value; case, Unicode form and outer blanks do not matter."""
        return f"{kind}-{self._token(kind, unicodedata.normalize('NFKC', value).casefold().strip())}"

    def ipv4(self, address: ipaddress.IPv4Address) -> str:
        """``net-4c1a22.17``: one name per /24, one number per host in it. Addresses that name no
        machine of the customer (loopback, link-local, multicast, masks, unspecified) stay."""
        return self._ipv4(address)

    def ipv6(self, address: ipaddress.IPv6Address) -> str:
        """``net6-4c1a22.7f3a01``: one name per /64. A link-local address stays unless it holds a MAC."""
        if address.ipv4_mapped is not None:
            return f"::ffff:{self.ipv4(address.ipv4_mapped)}"
        if address.is_link_local:
            return f"net6-local.{self._token('ip6', str(address))}" if _holds_mac(address) else str(address)
        if address.is_loopback or address.is_unspecified or address.is_multicast:
            return str(address)
        prefix = address.packed[:8].hex()
        return f"net6-{self._token('net6', prefix)}.{self._token('ip6', address.packed.hex())}"

    def domain(self, name: str) -> str:
        """``host-aa11bb.dom-cc22dd``: the registered domain keeps one name, so siblings show."""
        labels = name.casefold().rstrip(".").split(".")
        base = ".".join(labels[-2:])
        if len(labels) > 2 and len(labels[-2]) <= 3:  # co.uk, com.es: three labels are registered
            base = ".".join(labels[-3:])
        known = self.named("dom", base)
        below = ".".join(labels)[: -len(base) - 1]
        return f"{self.named('host', below)}.{known}" if below else known

    def _make(self, kind: str, value: str) -> str:
        message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:6]

    def _make_ipv4(self, address: ipaddress.IPv4Address) -> str:
        first = address.packed[0]
        if first in (0, 127, 255) or first >= 224 or address.is_link_local:
            return str(address)
        net = str(ipaddress.IPv4Address(address.packed[:3] + b"\0"))
        return f"net-{self._token('net', net)}.{self._hosts_of(net)[address.packed[3]]}"

    def _make_hosts(self, net: str) -> tuple[int, ...]:
        """A keyed permutation of the host numbers: distinct machines stay distinct."""
        inner = sorted(
            range(1, 255),
            key=lambda host: hmac.digest(self._key, f"host\0{net}\0{host}".encode(), "sha256"),
        )
        return (0, *inner, 255)


def _holds_mac(address: ipaddress.IPv6Address) -> bool:
    """RFC 4291, appendix A: ``ff:fe`` in the middle of the interface id is a MAC address."""
    return address.packed[11:13] == b"\xff\xfe"
