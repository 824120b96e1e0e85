"""The technician's SSH key as a signer: a private key file, or a key in the ssh-agent.

What a reference may be (it is stored in ``HOME/config.json``):

* the path of an OpenSSH private key, Ed25519; one with a passphrase, and that of a security key, is used
  through the ssh-agent (``ssh-add`` asks for the passphrase once; the key's ``.pub`` says which it is);
* the path of a ``.pub`` file, or ``SHA256:…``: that key in the ssh-agent;
* ``agent``: the one usable key in the ssh-agent.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from protocol.drivers.files import given, read_file
from protocol.errors import Code, RelevoError
from protocol.sshkeys import KeySigner, PublicKey, Signer
from technician.sshagent import AgentSigner, SshAgent

AGENT = "agent"
_MAX_KEY = 16 << 10


def load_signer(reference: str) -> Signer:
    """The signer that ``reference`` names.

    Raises:
        RelevoError: ``not-found`` (no such file, key or agent), ``conflict`` (``agent`` and several keys),
            ``usage`` (file not readable, not a key we use, or one with a passphrase that is not in the
            agent).
    """
    with given(reference):
        return _load(reference)


def _load(reference: str) -> Signer:
    if reference == AGENT:
        return _only_key(SshAgent.from_environment())
    if reference.startswith("SHA256:"):
        return _agent_key(lambda key: key.fingerprint == reference, reference)
    path = Path(reference).expanduser()
    content = read_file(path, _MAX_KEY)
    if content.startswith((b"ssh-", b"sk-ssh-")):
        wanted = PublicKey.from_text(content.decode("ascii", "replace"))
        return _agent_key(wanted.__eq__, reference)
    return _from_private(path, content)


def _from_private(path: Path, content: bytes) -> Signer:
    try:
        private = load_ssh_private_key(content, password=None)
    except UnsupportedAlgorithm:  # a security key's file
        return _agent_key(_public_part(path).__eq__, str(path))
    except TypeError as error:  # cryptography's way to say that the key is encrypted
        return _encrypted(path, error)
    except ValueError as error:
        raise RelevoError(Code.MALFORMED, f"{path} is no usable private key") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise RelevoError(Code.MALFORMED, f"{path} is no Ed25519 key")
    return KeySigner(private)


def _encrypted(path: Path, error: TypeError) -> Signer:
    """Opening it here would need bcrypt, and a passphrase in our memory; the agent has neither problem."""
    try:
        return _agent_key(_public_part(path).__eq__, str(path))
    except RelevoError:
        raise RelevoError(Code.REFUSED, f"{path} has a passphrase: run ssh-add {path} first") from error


def _public_part(path: Path) -> PublicKey:
    """The key in ``PATH.pub``."""
    return PublicKey.from_text(
        read_file(path.with_name(path.name + ".pub"), _MAX_KEY).decode("ascii", "replace")
    )


def _agent_key(wanted: Callable[[PublicKey], bool], reference: str) -> Signer:
    agent = SshAgent.from_environment()
    for identity in agent.identities():
        if wanted(identity.key):
            return AgentSigner(agent, identity.key)
    raise RelevoError(Code.NOT_FOUND, f"the ssh-agent does not hold {reference}")


def _only_key(agent: SshAgent) -> Signer:
    found = agent.identities()
    if not found:
        raise RelevoError(Code.NOT_FOUND, "the ssh-agent holds no Ed25519 key")
    if len(found) > 1:
        raise RelevoError(Code.CONFLICT, "the ssh-agent holds several keys; name one by its .pub file")
    return AgentSigner(agent, found[0].key)
