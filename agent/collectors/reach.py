"""Collector ``reachability``: can this machine reach its gateway and its broker? Nobody else is asked."""

from __future__ import annotations

import errno
import hashlib
import socket
import ssl
import time
from datetime import UTC, datetime

from agent.collectors.base import Context
from agent.collectors.network import ipv4_routes
from protocol.diagnosis import FactClass, NamedFact, Output, Status, fact

_CONNECT_S = 3.0
_GATEWAY_PORTS = (53, 80)
_GATEWAY_S = 1.0
_ALIVE = (errno.ECONNREFUSED, errno.ECONNRESET)
"""A refusal is an answer: somebody is there."""
_ARP_COMPLETE = 0x2


def reachability(context: Context) -> Output:
    """TCP to the default gateway; TCP and TLS to the broker, with its certificate against the pin."""
    gateway = _gateway(context)
    broker = _broker(context) if context.settings.broker_host else ()
    return Output(
        status=Status.OK if broker else Status.PARTIAL,
        reason="" if broker else "no-broker",
        facts=(*gateway, *broker),
    )


def _gateway(context: Context) -> tuple[NamedFact, ...]:
    routes = ipv4_routes(context.read("/proc/net/route") or "")
    address = next(
        (gateway for destination, gateway, *_ in routes if destination == "0.0.0.0/0" and gateway), None
    )
    if address is None:
        return (fact("gateway_present", False),)
    milliseconds = None
    for port in _GATEWAY_PORTS:
        milliseconds = _answers(address, port)
        if milliseconds is not None:
            break
    # Many gateways drop TCP; having had to send to it, the kernel now knows whether it is there.
    neighbour = _is_neighbour(context, address)
    return (
        fact("gateway_present", True),
        fact("gateway", address, FactClass.NETWORK),
        fact("gateway_answers", milliseconds is not None or neighbour),
        fact("gateway_answer_ms", milliseconds),
    )


def _answers(address: str, port: int) -> float | None:
    """Milliseconds until something came back from there, also a refusal; None for silence."""
    began = time.monotonic()
    try:
        with socket.create_connection((address, port), timeout=_GATEWAY_S):
            pass
    except OSError as error:
        if error.errno not in _ALIVE:
            return None
    return round((time.monotonic() - began) * 1_000, 1)


def _is_neighbour(context: Context, address: str) -> bool:
    for line in (context.read("/proc/net/arp") or "").splitlines()[1:]:
        words = line.split()
        if len(words) >= 4 and words[0] == address:
            return bool(int(words[2], 16) & _ARP_COMPLETE)
    return False


def _broker(context: Context) -> tuple[NamedFact, ...]:
    """Facts about the way to the broker; the first step that fails is named by ``broker_error``."""
    settings = context.settings
    began = time.monotonic()
    found = [
        fact("broker_host", settings.broker_host, FactClass.NETWORK),
        fact("broker_port", settings.broker_port),
    ]
    try:
        plain = socket.create_connection((settings.broker_host, settings.broker_port), timeout=_CONNECT_S)
    except OSError as error:
        return (*found, fact("broker_tcp_ok", False), fact("broker_error", _why(error)))
    found += [
        fact("broker_tcp_ok", True),
        fact("broker_connect_ms", round((time.monotonic() - began) * 1_000, 1)),
    ]
    pinned = bool(settings.broker_tls_sha256)
    tls = ssl.create_default_context()
    if pinned:  # the pin decides, below; a self-signed certificate is normal here
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    try:
        with plain, tls.wrap_socket(plain, server_hostname=settings.broker_host) as channel:
            certificate = channel.getpeercert(binary_form=True) or b""
            found += [
                fact("broker_tls_ok", True),
                fact("broker_tls_ms", round((time.monotonic() - began) * 1_000, 1)),
                fact("broker_tls_version", channel.version()),
            ]
    except OSError as error:
        return (*found, fact("broker_tls_ok", False), fact("broker_error", _why(error)))
    if pinned:
        same = hashlib.sha256(certificate).hexdigest() in settings.broker_tls_sha256
        found.append(fact("broker_certificate_as_pinned", same))
    return (*found, *_validity(certificate))


def _validity(certificate: bytes) -> tuple[NamedFact, ...]:
    from cryptography import x509

    try:
        parsed = x509.load_der_x509_certificate(certificate)
    except ValueError:
        return (fact("broker_error", "certificate-malformed"),)
    left = parsed.not_valid_after_utc - datetime.now(UTC)
    return (fact("broker_certificate_days_left", round(left.total_seconds() / 86_400, 1)),)


def _why(error: OSError) -> str:
    """A short word; the text of an error may hold an address."""
    if isinstance(error, socket.gaierror):
        return "name-does-not-resolve"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate-not-trusted"
    if isinstance(error, ssl.SSLError):
        return "tls-failed"
    if isinstance(error, TimeoutError):
        return "no-answer"
    return {
        errno.ECONNREFUSED: "refused",
        errno.ENETUNREACH: "network-unreachable",
        errno.EHOSTUNREACH: "host-unreachable",
    }.get(error.errno or 0, f"errno-{error.errno}")
