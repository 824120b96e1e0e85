"""The broker's certificate and TLS context: TLS 1.3 or nothing."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError

LIFE = timedelta(days=3650)
"""Clients pin the certificate itself; a short life would only break them."""


def make_self_signed(host: str, certificate: Path, key: Path, now: datetime) -> None:
    """A P-256 certificate (every TLS 1.3 client takes it) for ``host`` and its key, mode 0600."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    write_private(
        key,
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    write_private(certificate, built.public_bytes(serialization.Encoding.PEM))


def fingerprint(certificate: Path) -> str:
    """SHA-256 (hex) of the first certificate in the file: what clients pin.

    Raises:
        RelevoError: ``not-found``; ``malformed``.
    """
    return hashlib.sha256(_load(certificate).public_bytes(serialization.Encoding.DER)).hexdigest()


def expiry(certificate: Path) -> datetime:
    return _load(certificate).not_valid_after_utc


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What the listening socket uses.

    Raises:
        RelevoError: ``malformed`` when certificate and key do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise RelevoError(Code.MALFORMED, f"certificate {certificate}: {error}") from error
    return context


def _load(certificate: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(read_file(certificate, 1 << 20))[0]
    except (ValueError, IndexError) as error:
        raise RelevoError(Code.MALFORMED, f"{certificate} is not a PEM certificate") from error


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
