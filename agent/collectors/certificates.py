"""Collector ``certificates``: what this machine trusts and serves with, and until when."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.collectors.base import Context
from protocol.diagnosis import Cell, FactClass, Output, Status, fact, table

if TYPE_CHECKING:
    from cryptography import x509

_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/ca-bundle.pem"),
)
_SERVICE_PATTERNS = (
    ("/etc/letsencrypt/live", "*/cert.pem"),
    ("/etc/nginx", "**/*.crt"),
    ("/etc/nginx", "**/*.pem"),
    ("/etc/apache2", "**/*.crt"),
    ("/etc/httpd", "**/*.crt"),
    ("/etc/haproxy", "**/*.pem"),
    ("/etc/postfix", "*.pem"),
    ("/etc/exim4", "*.crt"),
    ("/etc/dovecot", "**/*.pem"),
    ("/etc/cups/ssl", "*.crt"),
    ("/etc/postgresql", "**/*.crt"),
    ("/etc/pki/tls/certs", "*.crt"),
    ("/usr/local/share/ca-certificates", "**/*.crt"),
    ("/etc/ssl/certs", "*.pem"),
)
_FILE_BYTES = 256 << 10
_MAX_FILES = 300
_DAY_S = 86_400
_SOON_DAYS = 30


def certificates(context: Context) -> Output:
    """The bundle of authorities by OpenSSL, and each certificate of a service or of local trust."""
    now = time.time()
    total, expired = _authorities(now)
    rows = list(_service_certificates(context, now))
    unreadable = bool(context.warnings)
    return Output(
        status=Status.PARTIAL if unreadable or total is None else Status.OK,
        reason="needs-privilege: some files"
        if unreadable
        else ("" if total is not None else "no-authorities"),
        facts=(
            fact("authority_count", total),
            fact("authority_expired_count", expired),
            fact("certificate_count", len(rows)),
            fact("expired_count", sum(1 for row in rows if _left(row) < 0)),
            fact("expiring_30d_count", sum(1 for row in rows if 0 <= _left(row) < _SOON_DAYS)),
        ),
        tables=(
            table(
                "certificates",
                (
                    ("path", FactClass.PATH),
                    ("subject", FactClass.NETWORK),
                    "days_left",
                    "not_after_unix_s",
                    "self_signed",
                ),
                sorted(rows, key=_left),
            ),
        ),
    )


def _left(row: tuple[Cell, ...]) -> float:
    return float(row[2] or 0)


def _authorities(now: float) -> tuple[int | None, int | None]:
    """How many authorities OpenSSL reads from the system's bundle, and how many of them have expired."""
    bundle = next((path for path in _BUNDLES if path.is_file()), None)
    if bundle is None:
        return None, None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=str(bundle))
    except (ssl.SSLError, OSError):
        return 0, 0
    found = context.get_ca_certs()
    ends = [ssl.cert_time_to_seconds(str(one["notAfter"])) for one in found if "notAfter" in one]
    return len(found), sum(1 for end in ends if end < now)


def _service_certificates(context: Context, now: float) -> Iterator[tuple[Cell, ...]]:
    for path, parsed in service_certificates(context):
        until = parsed.not_valid_after_utc.timestamp()
        try:
            subject, own = parsed.subject.rfc4514_string(), parsed.subject == parsed.issuer
        except (ValueError, TypeError):
            context.warn(f"malformed: {path}")
            continue
        yield str(path)[:500], subject[:300], round((until - now) / _DAY_S, 1), round(until), own


def service_certificates(context: Context) -> Iterator[tuple[Path, x509.Certificate]]:
    """The first certificate of each file in which a service keeps its own, or local trust is kept."""
    from cryptography import x509

    for path in _files(context):
        text = context.read(path, _FILE_BYTES)
        if not text or "-----BEGIN CERTIFICATE-----" not in text:
            continue
        start = text.index("-----BEGIN CERTIFICATE-----")
        end = text.find("-----END CERTIFICATE-----", start)
        if end < 0:
            continue
        try:
            parsed = x509.load_pem_x509_certificate(text[start : end + 25].encode())
            parsed.not_valid_after_utc.timestamp()  # a date beyond year 9999 is no date
        except (ValueError, TypeError, OverflowError):
            context.warn(f"malformed: {path}")
            continue
        yield path, parsed


def _files(context: Context) -> list[Path]:
    """Certificates that belong to this machine: links into the package's own store are not."""
    found: dict[Path, None] = {}
    for folder, pattern in _SERVICE_PATTERNS:
        try:
            for path in Path(folder).glob(pattern):
                if len(found) >= _MAX_FILES:
                    return list(found)
                real = path.resolve()
                if path.is_file() and not str(real).startswith("/usr/share/") and real not in _BUNDLES:
                    found.setdefault(real)
        except OSError as error:
            context.warn(f"unreadable: {folder} ({error.strerror})")
    return list(found)
