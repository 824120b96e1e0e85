"""TLS of every connection that we open: version 1.3, and the certificate pinned by its hash or checked
against certificate authorities. There is no third way.

The pin is checked inside the handshake, so no request, header or token leaves for a server that holds
another certificate. ``ssl`` lets a context name the classes of its sockets and objects
(``sslsocket_class``, ``sslobject_class``); asyncio, urllib3 and websockets all go through them.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl

from protocol.errors import Code, RelevoError


class _PinnedContext(ssl.SSLContext):
    """Carries the pin to the sockets made from it."""

    pin: str = ""


def certificate_sha256(connection: ssl.SSLObject | ssl.SSLSocket) -> str:
    """SHA-256 of the peer certificate's DER, hex: what tokens pin and login proofs name.

    Raises:
        RelevoError: ``identity-mismatch`` if the peer showed no certificate.
    """
    der = connection.getpeercert(binary_form=True)
    if not der:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the server showed no certificate")
    return hashlib.sha256(der).hexdigest()


def _check(connection: ssl.SSLObject | ssl.SSLSocket, context: ssl.SSLContext) -> None:
    pin = context.pin if isinstance(context, _PinnedContext) else ""
    der = connection.getpeercert(binary_form=True) or b""
    if not pin or not hmac.compare_digest(hashlib.sha256(der).hexdigest(), pin):
        raise ssl.SSLCertVerificationError(1, "the server's certificate is not the pinned one")


class _PinnedObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        _check(self, self.context)


class _PinnedSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        _check(self, self.context)


def pinned_context(tls_sha256: str | None, *, ca_pem: str | None = None) -> ssl.SSLContext:
    """A client context.

    Args:
        tls_sha256: hex SHA-256 of the server certificate's DER; that certificate and no other is
            accepted, whatever its names and dates say. None: a certificate for the host's name from
            an authority of the system (or of ``ca_pem``).
        ca_pem: PEM authorities to use instead of the system's; only without a pin.

    A mismatch shows as ``ssl.SSLCertVerificationError`` in the handshake.
    """
    if tls_sha256 is None:
        context = ssl.create_default_context(cadata=ca_pem)
    else:
        pinned = _PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
        pinned.pin = tls_sha256.lower()
        pinned.sslobject_class = _PinnedObject
        pinned.sslsocket_class = _PinnedSocket
        pinned.check_hostname = False
        pinned.verify_mode = ssl.CERT_NONE
        context = pinned
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
