"""Collectors ``dns`` and ``hosts-file``: how names become addresses on this machine.

Questions go to the resolvers that the machine is configured to use and to nobody else.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from agent.collectors.base import Context, first_word
from protocol.diagnosis import Cell, FactClass, Output, Status, fact, table

_ANSWER_S = 3.0
_DNS_PORT = 53
_MAX_SERVERS = 8
_MAX_NAMES = 6
_TYPE_NS = 2
_CLASS_IN = 1
_LOCAL_NAMES = ("localhost", "ip6-", "broadcasthost")
_MAX_HOSTS = 500


def dns(context: Context) -> Output:
    """Ask each configured server, and look up the names that this machine needs, with the time it took."""
    lines = (context.read("/etc/resolv.conf") or "").splitlines()
    servers = [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
    names = _needed_names(context)
    asked = _at_once(_ask, servers[:_MAX_SERVERS])
    looked_up = _at_once(_look_up, names)
    server_rows = [row or (servers[i], False, None, None, "no-answer") for i, row in enumerate(asked)]
    name_rows = [row or (names[i], False, 0, None, "no-answer") for i, row in enumerate(looked_up)]
    switch = (context.read("/etc/nsswitch.conf") or "").splitlines()
    return Output(
        status=Status.OK if servers else Status.PARTIAL,
        reason="" if servers else "no-resolver",
        facts=(
            fact("server_count", len(servers)),
            fact("answering_server_count", sum(1 for row in server_rows if row[1])),
            fact("name_count", len(name_rows)),
            fact("resolved_count", sum(1 for row in name_rows if row[1])),
            fact("search", first_word(lines, "search"), FactClass.NETWORK),
            fact("options", first_word(lines, "options")),
            fact("order", first_word(switch, "hosts:")),
        ),
        tables=(
            table(
                "servers",
                (("server", FactClass.NETWORK), "answers", "code", "answer_ms", "error"),
                server_rows,
            ),
            table(
                "names",
                (("name", FactClass.NETWORK), "resolves", "address_count", "answer_ms", "error"),
                name_rows,
            ),
        ),
    )


def hosts_file(context: Context) -> Output:
    """Entries of the hosts file, lines that cannot be, and names that it takes away from DNS."""
    text = context.read("/etc/hosts")
    entries, broken = parse_hosts(text or "")
    own = socket.gethostname()
    addresses: dict[tuple[str, int], set[str]] = {}
    for address, name, _ in entries:
        addresses.setdefault((name, ipaddress.ip_address(address).version), set()).add(address)
    twice = sorted({name for (name, _), found in addresses.items() if len(found) > 1})
    needed = {name.casefold() for name in _needed_names(context)} - {own.casefold()}
    overrides = [
        (name, address, line, name.casefold() in needed)
        for address, name, line in entries
        if "." in name and not name.startswith(_LOCAL_NAMES) and name.casefold() != own.casefold()
    ]
    loopback = {name for address, name, _ in entries if ipaddress.ip_address(address).is_loopback}
    return Output(
        status=Status.OK if text is not None else Status.PARTIAL,
        reason="" if text is not None else "missing: /etc/hosts",
        facts=(
            fact("present", text is not None),
            fact("entry_count", len(entries)),
            fact("invalid_line_count", len(broken)),
            fact("duplicate_name_count", len(twice)),
            fact("override_count", len(overrides)),
            fact("needed_override_count", sum(1 for row in overrides if row[3])),
            fact("localhost_present", "localhost" in loopback),
            fact("own_name_present", any(name.casefold() == own.casefold() for _, name, _ in entries)),
        ),
        tables=(
            table(
                "overrides",
                (("name", FactClass.NETWORK), ("address", FactClass.NETWORK), "line", "needed"),
                overrides,
            ),
            table(
                "duplicates",
                (("name", FactClass.NETWORK), ("address", FactClass.NETWORK)),
                (
                    (name, address)
                    for (name, _), found in addresses.items()
                    if len(found) > 1
                    for address in sorted(found)
                ),
            ),
            table("invalid_lines", ("line",), ((line,) for line in broken)),
        ),
    )


def parse_hosts(text: str) -> tuple[list[tuple[str, str, int]], list[int]]:
    """Address, name and line number of each name (hosts(5)); and the numbers of lines that are none."""
    entries: list[tuple[str, str, int]] = []
    broken = []
    for at, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            address = str(ipaddress.ip_address(words[0].partition("%")[0]))
        except ValueError:
            broken.append(at)
            continue
        if len(words) == 1:
            broken.append(at)
        entries += [(address, name, at) for name in words[1:]]
    return entries[:_MAX_HOSTS], broken


def _needed_names(context: Context) -> list[str]:
    """Names this machine relies on: its own, the broker's, and those of its package sources."""
    names = [socket.gethostname(), context.settings.broker_host]
    sources = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.[ls]*"))[:20]]
    for source in sources:
        lines = (context.read(source, 64 << 10) or "").splitlines()
        words = " ".join(line for line in lines if not line.lstrip().startswith("#")).split()
        names += [urlsplit(word).hostname or "" for word in words if word.startswith(("http://", "https://"))]
    return [name for name in dict.fromkeys(names) if name and not _is_address(name)][:_MAX_NAMES]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _at_once(question: Callable[[str], tuple[Cell, ...]], about: list[str]) -> list[tuple[Cell, ...] | None]:
    """Every answer, or None for what took too long: the resolver library cannot be interrupted, so its
    threads are left to end with this process."""
    answers: list[tuple[Cell, ...] | None] = [None] * len(about)

    def ask(at: int) -> None:
        answers[at] = question(about[at])

    threads = [threading.Thread(target=ask, args=(at,), daemon=True) for at in range(len(about))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + _ANSWER_S + 0.5
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(answers)


def _ask(server: str) -> tuple[Cell, ...]:
    """One question that every resolver can answer (name servers of the root), RFC 1035 section 4.

    Gives server, whether anything came back, its response code, milliseconds, and the error.
    """
    number = secrets.randbits(16)
    question = (
        struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + b"\0" + struct.pack(">HH", _TYPE_NS, _CLASS_IN)
    )
    began = time.monotonic()
    try:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as channel:
            channel.settimeout(_ANSWER_S)
            channel.connect((server.partition("%")[0], _DNS_PORT))
            channel.send(question)
            answer = channel.recv(4_096)
    except TimeoutError:
        return server, False, None, None, "no-answer"
    except OSError as error:
        return server, False, None, None, _why(error)
    milliseconds = round((time.monotonic() - began) * 1_000, 1)
    if len(answer) < 4 or struct.unpack_from(">H", answer)[0] != number:
        return server, False, None, milliseconds, "answer-malformed"
    return server, True, answer[3] & 0x0F, milliseconds, ""


def _look_up(name: str) -> tuple[Cell, ...]:
    """As programs on this machine do it: name, whether it resolves, addresses, milliseconds, error."""
    began = time.monotonic()
    try:
        found = socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)
    except OSError as error:
        return name, False, 0, round((time.monotonic() - began) * 1_000, 1), _why(error)
    count = len({row[4][0] for row in found})
    return name, True, count, round((time.monotonic() - began) * 1_000, 1), ""


_GAI = {socket.EAI_AGAIN: "try-again", socket.EAI_NONAME: "no-such-name", socket.EAI_FAIL: "failed"}


def _why(error: OSError) -> str:
    """A short word for a socket error; never its text, which may hold a name."""
    if isinstance(error, socket.gaierror):
        return _GAI.get(error.errno or 0, f"resolver-{error.errno}")
    return {
        101: "network-unreachable",
        111: "refused",
        113: "host-unreachable",
    }.get(error.errno or 0, f"errno-{error.errno}")
