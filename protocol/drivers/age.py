"""Sealing in the age format (Debian's ``age`` opens it), with the library ``pyrage``, loaded when it is used."""

from __future__ import annotations

from protocol.errors import Code, RelevoError


def encrypt(content: bytes, recipients: tuple[str, ...]) -> bytes:
    """``content`` for ``age1…`` and ``ssh-ed25519`` recipients.

    Raises:
        RelevoError: ``refused`` where there is nobody who could open it.
    """
    import pyrage

    if not recipients:
        raise RelevoError(Code.REFUSED, "nobody could open this")
    parsed = [
        pyrage.x25519.Recipient.from_str(text)
        if text.startswith("age1")
        else pyrage.ssh.Recipient.from_str(text)
        for text in recipients
    ]
    sealed: bytes = pyrage.encrypt(content, parsed)
    return sealed


def decrypt(sealed: bytes, openssh_private_key: bytes) -> bytes:
    """Open with an unencrypted Ed25519 key in OpenSSH's format.

    Raises:
        RelevoError: ``refused`` where it is not sealed to this key, or is no age file.
    """
    import pyrage

    try:
        content: bytes = pyrage.decrypt(sealed, [pyrage.ssh.Identity.from_buffer(openssh_private_key)])
    except pyrage.DecryptError as error:
        raise RelevoError(Code.REFUSED, "it is not sealed to this key") from error
    return content
