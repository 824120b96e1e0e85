"""The technician's SSH key as a signer: a private key file, or a key in the ssh-agent.

What a reference may be (it is stored in ``HOME/config.json``):

* the path of an OpenSSH private key: Ed25519, with a passphrase or without; a passphrase is asked for only
  if the ssh-agent does not hold the key; a security key's file is used through the agent;
* the path of a ``.pub`` file, or ``SHA256:…``: that key in the ssh-agent;
* ``agent``: the one usable key in the ssh-agent.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from protocol.drivers.files import read_file
from protocol.errors import Code, RelevoError
from protocol.sshkeys import KeySigner, PublicKey, Signer
from technician.sshagent import AgentSigner, SshAgent

AGENT = "agent"
_MAX_KEY = 16 << 10

Passphrase = Callable[[str], str | None]
"""Asks a person for the passphrase of a key file; None when there is nobody to ask."""


def nobody(path: str) -> None:
    """The ``Passphrase`` of a program without a terminal."""


def load_signer(reference: str, passphrase: Passphrase = nobody) -> Signer:
    """The signer that ``reference`` names.

    Raises:
        RelevoError: ``not-found`` (no such file, key or agent), ``refused`` (file not readable, wrong or
            missing passphrase), ``conflict`` (``agent`` and several keys), ``malformed`` (not a key we use).
    """
    if reference == AGENT:
        return _only_key(SshAgent.from_environment())
    if reference.startswith("SHA256:"):
        return _agent_key(lambda key: key.fingerprint == reference, reference)
    path = Path(reference).expanduser()
    content = read_file(path, _MAX_KEY)
    if content.startswith((b"ssh-", b"sk-ssh-")):
        wanted = PublicKey.from_text(content.decode("ascii", "replace"))
        return _agent_key(wanted.__eq__, reference)
    return _from_private(path, content, passphrase)


def _from_private(path: Path, content: bytes, passphrase: Passphrase) -> Signer:
    try:
        return _signer(path, load_ssh_private_key(content, password=None))
    except UnsupportedAlgorithm:  # a security key's file
        return _agent_key(_public_part(path).__eq__, str(path))
    except TypeError:  # cryptography's way to say that the key is encrypted
        return _unlocked(path, content, passphrase)
    except ValueError as error:
        raise RelevoError(Code.MALFORMED, f"{path} is no usable private key") from error


def _unlocked(path: Path, content: bytes, passphrase: Passphrase) -> Signer:
    """An encrypted key: from the agent if it is there, else with the passphrase."""
    try:
        return _agent_key(_public_part(path).__eq__, str(path))
    except RelevoError:
        given = passphrase(str(path))
    if given is None:
        raise RelevoError(Code.REFUSED, f"{path} has a passphrase; add the key to an ssh-agent")
    try:
        return _signer(path, load_ssh_private_key(content, password=given.encode()))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RelevoError(Code.REFUSED, f"wrong passphrase for {path}") from error


def _signer(path: Path, private: object) -> Signer:
    if not isinstance(private, Ed25519PrivateKey):
        raise RelevoError(Code.MALFORMED, f"{path} is no Ed25519 key")
    return KeySigner(private)


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
