"""The technician's SSH key as a signer: a private key file, or a key in the ssh-agent."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from protocol.drivers.files import read_file
from protocol.errors import Code, RelevoError
from protocol.sshkeys import KeySigner, Signer

_MAX_KEY = 16 << 10


def load_signer(reference: str) -> Signer:
    """The signer that ``reference`` names: the path of an OpenSSH private key without passphrase.

    Raises:
        RelevoError: ``not-found``, ``refused`` (not readable) or ``malformed``.
    """
    path = Path(reference).expanduser()
    try:
        private = load_ssh_private_key(read_file(path, _MAX_KEY), password=None)
    except (ValueError, TypeError) as error:
        raise RelevoError(Code.MALFORMED, f"{path} is no usable private key") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise RelevoError(Code.MALFORMED, f"{path} is no Ed25519 key")
    return KeySigner(private)
