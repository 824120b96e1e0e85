"""Collector ``network``: interfaces, addresses, routes, listening ports and connection states."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections import Counter
from collections.abc import Iterator

import psutil

from agent.collectors.base import Context, number
from protocol.diagnosis import Cell, FactClass, Output, Status, fact, table

_UP = 0x1
_GATEWAY = 0x2
_VIRTUAL = ("lo", "docker", "veth", "br-", "virbr", "ifb", "dummy", "tun", "tap", "wg")


def network(context: Context) -> Output:
    """The machine's own view of its network; nothing is sent."""
    routes = list(ipv4_routes(context.read("/proc/net/route") or ""))
    routes6 = list(_ipv6_routes(context.read("/proc/net/ipv6_route") or ""))
    interfaces = _interfaces(context)
    connections, denied = _connections()
    states = Counter(connection.status for connection in connections)
    listening = [c for c in connections if c.status == psutil.CONN_LISTEN or _open_udp(c)]
    return Output(
        status=Status.PARTIAL if denied else Status.OK,
        reason="needs-privilege: connections" if denied else "",
        facts=(
            fact("interface_count", len(interfaces)),
            fact("up_count", sum(1 for row in interfaces if row[1] and not row[3])),
            fact("default_route_count", sum(1 for route in routes if route[0] == "0.0.0.0/0")),
            fact("default_route_ipv6_count", sum(1 for route in routes6 if route[0] == "::/0")),
            fact("established_count", states[psutil.CONN_ESTABLISHED]),
            fact("time_wait_count", states[psutil.CONN_TIME_WAIT]),
            fact("close_wait_count", states[psutil.CONN_CLOSE_WAIT]),
            fact("syn_sent_count", states[psutil.CONN_SYN_SENT]),
            fact("listening_count", len(listening)),
            fact(
                "connection_tracking_count",
                number(context.read("/proc/sys/net/netfilter/nf_conntrack_count")),
            ),
            fact(
                "connection_tracking_limit", number(context.read("/proc/sys/net/netfilter/nf_conntrack_max"))
            ),
        ),
        tables=(
            table("interfaces", _INTERFACE_COLUMNS, interfaces),
            table(
                "addresses",
                ("interface", "family", ("address", FactClass.NETWORK), "prefix_bits"),
                _addresses(),
            ),
            table(
                "routes",
                (("destination", FactClass.NETWORK), ("gateway", FactClass.NETWORK), "interface", "metric"),
                [*routes, *routes6],
            ),
            table(
                "listening",
                ("protocol", ("address", FactClass.NETWORK), "port", "pid", "process"),
                sorted(_listening(listening), key=lambda row: (row[0], row[2])),
            ),
        ),
    )


_INTERFACE_COLUMNS = (
    "interface",
    "up",
    "carrier",
    "virtual",
    "mtu_bytes",
    "speed_mbit_per_s",
    ("mac", FactClass.NETWORK),
    "received_bytes",
    "sent_bytes",
    "receive_error_count",
    "send_error_count",
    "receive_drop_count",
    "send_drop_count",
)


def _interfaces(context: Context) -> list[tuple[Cell, ...]]:
    counters = psutil.net_io_counters(pernic=True)
    addresses = psutil.net_if_addrs()
    rows: list[tuple[Cell, ...]] = []
    for name, state in sorted(psutil.net_if_stats().items()):
        count = counters.get(name)
        mac = next((a.address for a in addresses.get(name, ()) if a.family == psutil.AF_LINK), "")
        carrier = number(context.read(f"/sys/class/net/{name}/carrier", 8)) if state.isup else None
        rows.append(
            (
                name,
                state.isup,
                None if carrier is None else carrier == 1,
                name.startswith(_VIRTUAL),
                state.mtu,
                state.speed or None,
                mac,
                count.bytes_recv if count else None,
                count.bytes_sent if count else None,
                count.errin if count else None,
                count.errout if count else None,
                count.dropin if count else None,
                count.dropout if count else None,
            )
        )
    return rows


def _addresses() -> Iterator[tuple[Cell, ...]]:
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                family = "ipv4" if address.family == socket.AF_INET else "ipv6"
                yield name, family, address.address.partition("%")[0], _bits(address.netmask)


def _bits(netmask: str | None) -> int | None:
    if not netmask:
        return None
    return bin(int(ipaddress.ip_address(netmask))).count("1")


def ipv4_routes(text: str) -> Iterator[tuple[str, str, str, int]]:
    """Destination, gateway, interface and metric of ``/proc/net/route`` (hexadecimal, host order)."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 8 or not int(words[3], 16) & _UP:
            continue
        bits = bin(int(words[7], 16)).count("1")
        gateway = _ipv4(words[2]) if int(words[3], 16) & _GATEWAY else ""
        yield f"{_ipv4(words[1])}/{bits}", gateway, words[0], int(words[6])


def _ipv4(text: str) -> str:
    return str(ipaddress.IPv4Address(struct.pack("<I", int(text, 16))))


def _ipv6_routes(text: str) -> Iterator[tuple[str, str, str, int]]:
    """The same of ``/proc/net/ipv6_route``; routes to this machine itself are left out."""
    for line in text.splitlines():
        words = line.split()
        if len(words) < 10 or words[9] == "lo" or not int(words[8], 16) & _UP:
            continue
        destination = f"{ipaddress.IPv6Address(bytes.fromhex(words[0]))}/{int(words[1], 16)}"
        gateway = ipaddress.IPv6Address(bytes.fromhex(words[4]))
        yield destination, "" if gateway.is_unspecified else str(gateway), words[9], int(words[5], 16)


def _connections() -> tuple[list[psutil._common.sconn], bool]:
    try:
        return psutil.net_connections(kind="inet"), False
    except psutil.AccessDenied:
        return [], True


def _open_udp(connection: psutil._common.sconn) -> bool:
    return bool(connection.type == socket.SOCK_DGRAM and not connection.raddr and connection.laddr)


def _listening(connections: list[psutil._common.sconn]) -> Iterator[tuple[str, str, int, int | None, str]]:
    names: dict[int, str] = {}
    for connection in connections:
        pid = connection.pid
        if pid and pid not in names:
            try:
                names[pid] = psutil.Process(pid).name()
            except psutil.Error:
                names[pid] = ""
        kind = "tcp" if connection.type == socket.SOCK_STREAM else "udp"
        yield kind, connection.laddr.ip, connection.laddr.port, pid, names.get(pid or 0, "")
