"""The one locked-down asyncssh configuration, both sides (2-architecture.md, "Transport").

One user name (the grant's id), one technician key, one host key, one subsystem. What asyncssh 2.24
leaves open by default and is shut here: ``~/.ssh`` configuration and agents, known_hosts files, X.509
and OpenSSH certificates (one without principals logs in as any user), GSSAPI, host-based and keyboard
logins, "none" logins, any number of channels, environment requests, peers without strict key exchange.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import asyncssh
from asyncssh.channel import SSHChannel
from asyncssh.connection import SSHConnection
from asyncssh.kex import get_kex_algs
from asyncssh.packet import SSHPacket
from asyncssh.stream import SSHServerStreamSession

from protocol.assist import SUBSYSTEM
from protocol.ids import GrantId
from protocol.sshkeys import ED25519, SK_ED25519, PublicKey, Signer

_log = logging.getLogger(__name__)

KEX = tuple(
    name
    for name in ("mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org")
    if name.encode() in get_kex_algs()  # ML-KEM depends on the installed cryptography
)
CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com")
SIGNATURES = (ED25519, SK_ED25519)
MAX_CHANNELS = 8
LOGIN_S = 60.0
"""Long enough to find and touch a security key."""
KEEPALIVE_S = 30.0
KEEPALIVE_COUNT = 5
"""150 s: longer than a leg may be apart (protocol.drivers.leg.GIVE_UP_S), so that it can resume."""
CHANNEL_WINDOW = 2 << 20
CHANNEL_PACKET = 64 << 10
SFTP = "sftp"
SFTP_VERSION = 3
"""The one that OpenSSH speaks."""

ENDED = 0xFE000001
"""Disconnect code whose text is an ``EndReason`` (RFC 4250 4.2.2 leaves 0xFE000000 and up to us);
asyncssh does not show the text of its own "by application" code."""

Opened = Callable[
    ["asyncssh.SSHReader[bytes]", "asyncssh.SSHWriter[bytes]", "asyncssh.SSHWriter[bytes]"], None
]
"""Called when an assist channel was opened; must return at once."""
SftpFactory = Callable[[SSHChannel[bytes]], asyncssh.SFTPServer]


class SignerKeyPair(asyncssh.SSHKeyPair):
    """Any of our signers (key file, ssh-agent, hardware key) as a key asyncssh can log in or host with."""

    _key_type = "relevo"

    def __init__(self, signer: Signer, *, may_block: bool) -> None:
        """``may_block``: sign in a thread, for agents and keys that wait for a touch."""
        kind = signer.public_key.kind.encode()
        blob = signer.public_key.blob
        super().__init__(kind, kind, (kind,), (kind,), blob, None, use_executor=may_block)
        self._signer = signer

    def sign(self, data: bytes) -> bytes:
        return self._signer.sign(data)


def _common() -> dict[str, Any]:
    return {
        "config": None,
        "kex_algs": KEX,
        "encryption_algs": CIPHERS,
        "mac_algs": ("hmac-sha2-256-etm@openssh.com",),  # never used: both ciphers authenticate
        "compression_algs": ("none",),
        "signature_algs": SIGNATURES,
        "host_based_auth": False,
        "public_key_auth": True,
        "kbdint_auth": False,
        "password_auth": False,
        "gss_host": None,
        "gss_kex": False,
        "gss_auth": False,
        "x509_trusted_certs": None,
        "x509_trusted_cert_paths": [],
        "login_timeout": LOGIN_S,
        "keepalive_interval": KEEPALIVE_S,
        "keepalive_count_max": KEEPALIVE_COUNT,
        "encoding": None,
        "window": CHANNEL_WINDOW,
        "max_pktsize": CHANNEL_PACKET,
    }


def require_strict_kex(connection: SSHConnection) -> None:
    """Refuse a peer that did not offer strict key exchange (CVE-2023-48795, "Terrapin").

    asyncssh offers it and uses it with a peer that does, but would go on without. There is no public
    name for what was agreed; if this private one ever goes, the AttributeError closes the connection.

    Raises:
        asyncssh.KeyExchangeFailed: which asyncssh turns into a disconnect.
    """
    if connection._strict_kex is not True:
        raise asyncssh.KeyExchangeFailed("strict key exchange is required")


# --- client --------------------------------------------------------------------------------------------


class AssistClient(asyncssh.SSHClient):
    """The technician's side: knows the one host key it talks to, remembers why it ended."""

    def __init__(self, host_key: PublicKey) -> None:
        self._host_key = host_key
        self._connection: asyncssh.SSHClientConnection | None = None
        self.lost: Exception | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc
        self._connection = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Called in the key exchange, before anything secret is sent: known_hosts is always empty."""
        if self._connection is None:
            return False
        require_strict_kex(self._connection)
        return key.public_data == self._host_key.blob

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return False


def client_options(
    *, user: GrantId, key: SignerKeyPair, host_key: PublicKey, client: AssistClient | None = None
) -> asyncssh.SSHClientConnectionOptions:
    """Options for ``asyncssh.connect(..., config=None, options=…)``.

    Args:
        user: the grant's id.
        key: the technician's key.
        host_key: exactly the key whose hash is the agent's id.
        client: receives the connection's callbacks; made from ``host_key`` if not given.
    """
    owner = client or AssistClient(host_key)
    return asyncssh.SSHClientConnectionOptions(
        **_common(),
        client_factory=lambda: owner,
        host="relevo",
        port=22,
        username=user,
        client_keys=[key],
        known_hosts=([], [], []),
        server_host_key_algs=[ED25519],
        preferred_auth=("publickey",),
        disable_trivial_auth=True,
        agent_path=None,
        agent_identities=None,
        agent_forwarding=False,
        pkcs11_provider=None,
        client_host_keysign=False,
        canonicalize_hostname=False,
        proxy_command=None,
        command=None,
        env=None,
        send_env=None,
        request_pty=False,
        x11_forwarding=False,
    )


# --- server --------------------------------------------------------------------------------------------


class _Channel(asyncssh.SSHServerChannel[bytes]):
    """A session channel that takes no environment: asyncssh would collect any amount of it."""

    def _process_env_request(self, packet: SSHPacket) -> bool:
        return False


class _Session(SSHServerStreamSession[bytes]):
    """One channel: the assist subsystem, or sftp where it was named; never shell, command or terminal."""

    def __init__(self, owner: AssistServer, opened: Opened, sftp: SftpFactory | None) -> None:
        super().__init__(opened, sftp, SFTP_VERSION)
        self._owner = owner
        self._subsystems = {SUBSYSTEM} if sftp is None else {SUBSYSTEM, SFTP}

    def pty_requested(self, *_: object) -> bool:
        return False

    def shell_requested(self) -> bool:
        return False

    def exec_requested(self, command: str) -> bool:
        return False

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem in self._subsystems

    def break_received(self, msec: int) -> bool:
        return False

    def signal_received(self, signal: str) -> None:
        """Ignored: a signal must not appear in the bytes."""

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """Ignored: there is no terminal."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.channel_closed()
        super().connection_lost(exc)


class AssistServer(asyncssh.SSHServer):
    """The agent's side: lets one key in as one user, and hands each assist channel to ``opened``.

    ``authenticated`` is set when the login is complete. The checks below also run for keys that are
    merely offered, so nobody may take an identity from them; there is only one that can complete.
    """

    def __init__(
        self, *, user: GrantId, technician_key: PublicKey, opened: Opened, sftp: SftpFactory | None = None
    ) -> None:
        self._user = user
        self._key = technician_key
        self._opened = opened
        self._sftp = sftp
        self._connection: asyncssh.SSHServerConnection | None = None
        self._channels = 0
        self.authenticated = False
        self.lost: Exception | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc
        self._connection = None

    def begin_auth(self, username: str) -> bool:
        """Always True: False would let the user in without a key."""
        if self._connection is not None:
            require_strict_kex(self._connection)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._user and key.public_data == self._key.blob

    def validate_ca_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return False

    def auth_completed(self) -> None:
        connection = self._connection
        if connection is None or connection.get_extra_info("username") != self._user:
            raise asyncssh.PermissionDenied("not the user of this grant")
        self.authenticated = True

    def session_requested(self) -> Any:
        """A channel and its session; refused before login and beyond ``MAX_CHANNELS``."""
        connection = self._connection
        if connection is None or not self.authenticated:
            return False
        if self._channels >= MAX_CHANNELS:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "too many channels")
        self._channels += 1
        loop = asyncio.get_running_loop()
        channel = _Channel(
            connection, loop, False, False, False, 0, 0, None, "strict", CHANNEL_WINDOW, CHANNEL_PACKET
        )
        return channel, _Session(self, self._opened, self._sftp)

    def channel_closed(self) -> None:
        self._channels -= 1


def server_options(server: AssistServer, host_key: SignerKeyPair) -> asyncssh.SSHServerConnectionOptions:
    """Options for ``asyncssh.connect_reverse(..., config=None, options=…)`` on the agent."""
    return asyncssh.SSHServerConnectionOptions(
        **_common(),
        server_factory=lambda: server,
        host="relevo",
        port=22,
        server_host_keys=[host_key],
        server_host_certs=[],
        send_server_host_keys=False,
        known_client_hosts=None,
        trust_client_host=False,
        authorized_client_keys=None,
        allow_pty=False,
        line_editor=False,
        rdns_lookup=False,
        x11_forwarding=False,
        agent_forwarding=False,
        process_factory=None,
        session_factory=None,
        sftp_factory=None,
        allow_scp=False,
    )
