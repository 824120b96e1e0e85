"""``relevo ssh-config``: what stock OpenSSH needs to reach a held session through the relay.

The machine's key is pinned in a known_hosts file of this one session; nothing of the user's own or the
system's known_hosts counts, and every kind of forwarding is off.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from protocol.drivers.files import write_private
from protocol.errors import Code, RelevoError
from protocol.sshkeys import PublicKey
from technician.held import HeldSession

_BLOCK = """\
# {ticket}, until {ends}; written by relevo ssh-config
Host relevo-{ticket}
    HostName {agent}
    HostKeyAlias {agent}
    User {grant}
    ProxyCommand {proxy}
    ProxyUseFdpass no
    IdentityFile {identity}
    IdentitiesOnly yes
    PubkeyAcceptedAlgorithms ssh-ed25519,sk-ssh-ed25519@openssh.com
    PreferredAuthentications publickey
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    HostbasedAuthentication no
    GSSAPIAuthentication no
    UserKnownHostsFile {known_hosts}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    HostKeyAlgorithms ssh-ed25519
    UpdateHostKeys no
    VerifyHostKeyDNS no
    CheckHostIP no
    KexAlgorithms -diffie-hellman-*,ecdh-*,sntrup*
    Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com
    Compression no
    ClearAllForwardings yes
    ForwardAgent no
    ForwardX11 no
    ForwardX11Trusted no
    Tunnel no
    PermitLocalCommand no
    ControlMaster no
    ControlPath none
    RequestTTY no
    SendEnv -*
    ServerAliveInterval 30
    ServerAliveCountMax 5
"""


def write_pins(held: HeldSession, key: PublicKey) -> None:
    """Write the session's known_hosts line, and the technician's public key for ``IdentityFile``.

    The holder removes both when the session ends.

    Raises:
        RelevoError: ``cannot-record``.
    """
    line = f"{held.record.agent} {held.record.host_key}\n"
    write_private(_known_hosts(held), line.encode())
    write_private(_identity(held), (key.text + "\n").encode())


def render(held: HeldSession, *, home: Path, program: Path, key_file: Path | None) -> str:
    """The ``Host`` block.

    Args:
        home: as given to the ``relevo`` that ProxyCommand starts.
        program: absolute path of ``relevo``.
        key_file: the technician's private key file; None for a key that only the ssh-agent holds.

    Raises:
        RelevoError: ``usage`` for a path that OpenSSH's configuration cannot express.
    """
    command = [str(program.absolute()), "session", "relay", held.record.grant, "--home", str(home.absolute())]
    for part in command:
        _expressible(part)
    return _BLOCK.format(
        ticket=held.record.ticket,
        ends=held.record.ends.isoformat(timespec="seconds"),
        agent=held.record.agent,
        grant=held.record.grant,
        proxy=shlex.join(command).replace("%", "%%"),
        identity=_quoted(key_file.absolute() if key_file else _identity(held)),
        known_hosts=_quoted(_known_hosts(held)),
    )


def _known_hosts(held: HeldSession) -> Path:
    return held.folder.absolute() / f"{held.record.grant}.known_hosts"


def _identity(held: HeldSession) -> Path:
    return held.folder.absolute() / f"{held.record.grant}.pub"


def _quoted(path: Path) -> str:
    """A path as ssh_config reads it: in double quotes, percent signs doubled."""
    text = str(path)
    _expressible(text)
    return '"' + text.replace("%", "%%") + '"'


def _expressible(text: str) -> None:
    """Raises RelevoError: ``usage``. Quotes and ``${…}`` cannot be escaped in ssh_config at all."""
    if not text.isprintable() or '"' in text or "\\" in text or "${" in text:
        raise RelevoError(Code.USAGE, f"OpenSSH cannot be told this path: {text!r}")
