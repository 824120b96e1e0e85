"""The agent's own key. Its id is the key's hash, so the key *is* the machine's identity."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from agent.folder import Folder
from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id
from protocol.sshkeys import KeySigner


def load(folder: Folder) -> KeySigner:
    """The machine's signer.

    Raises:
        RelevoError: ``not-connected`` before enrolment, ``malformed`` for a damaged key file.
    """
    try:
        seed = read_file(folder.key, 64)
    except RelevoError as error:
        if error.code is Code.NOT_FOUND:
            raise RelevoError(Code.NOT_CONNECTED, f"no key in {folder.root}") from error
        raise
    if len(seed) != 32:
        raise RelevoError(Code.MALFORMED, f"{folder.key} is damaged")
    return KeySigner.from_seed(seed)


def load_or_make(folder: Folder) -> KeySigner:
    """The signer, made on first use: the key is on disk before anybody hears of it."""
    if not folder.key.exists():
        write_private(folder.key, secrets.token_bytes(32))
    return load(folder)


def id_of(signer: KeySigner) -> str:
    return agent_id(signer.public_key.blob)


def pseudonym_key(folder: Folder, ticket: str) -> bytes:
    """The ticket's key for pseudonyms: the same within a ticket, unrelated between tickets."""
    if not folder.pseudonyms.exists():
        write_private(folder.pseudonyms, secrets.token_bytes(32))
    return hmac.digest(read_file(folder.pseudonyms, 64), ticket.encode(), hashlib.sha256)
