"""Attacks on the one SSH configuration, from both sides, with asyncssh bent as far as it goes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh.connection import SSHClientConnection, SSHServerConnection
from asyncssh.packet import Boolean, String

from protocol.assist import About, Completed, Event
from protocol.drivers.assist import AssistServing, connect_assist, serve_assist
from protocol.drivers.leg import LegTunnel
from protocol.drivers.ssh import CIPHERS, KEX, MAX_CHANNELS, SignerKeyPair, client_options
from protocol.errors import Code, RelevoError
from protocol.frames import FrameReader, frame
from protocol.sshkeys import KeySigner
from protocol.wire import from_msgpack, to_msgpack
from tests.support.relay import Relay, running_relay
from tests.support.sessions import SmallAgent, new_key, open_session

pytestmark = pytest.mark.timeout(180)
USER = "a" * 32


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with running_relay() as running:
        yield running


class Served:
    """An agent that waits at one end of a leg."""

    def __init__(self, relay: Relay) -> None:
        self.technician, self.host, self.agent = new_key(), new_key(), SmallAgent()
        here, self.there = relay.new_leg()
        self.task = asyncio.create_task(self._serve(LegTunnel(here)))
        self.serving: AssistServing | None = None

    async def _serve(self, leg: LegTunnel) -> RelevoError:
        self.serving = await serve_assist(
            leg,
            user=USER,
            technician_key=self.technician.public_key,
            host_key=self.host,
            handle=self.agent.handle,
        )
        return await self.serving.wait_closed()

    @asynccontextmanager
    async def attacked(self, **options: Any) -> AsyncIterator[SSHClientConnection]:
        """A connection by somebody who decides the client's options; the agent's side is awaited."""
        settings = {
            "username": USER,
            "client_keys": [SignerKeyPair(self.technician, may_block=False)],
            "known_hosts": None,
            "config": None,
            "agent_path": None,
            "x509_trusted_certs": None,
            **options,
        }
        leg = LegTunnel(self.there)
        try:
            async with asyncssh.connect("x", 22, tunnel=leg, **settings) as connection:
                yield connection
        finally:
            leg.abort()
            await leg.wait_closed()


@pytest.fixture
async def served(relay: Relay) -> AsyncIterator[Served]:
    made = Served(relay)
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


def _as_key(signer: KeySigner) -> asyncssh.SSHKey:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    data = signer.private_key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return asyncssh.import_private_key(data)


# --- against the agent ------------------------------------------------------------------------------------


async def test_the_attackers_harness_gets_in_with_the_right_key(served: Served) -> None:
    """Or the refusals below would prove nothing."""
    async with served.attacked() as connection:
        writer, reader, _ = await connection.open_session(subsystem="assist", encoding=None)
        writer.write(frame(to_msgpack(About())))
        assert from_msgpack(FrameReader().feed(await reader.read())[-1], Event) == Completed()
        assert connection.get_extra_info("send_cipher") == CIPHERS[0]


async def test_post_quantum_key_exchange_comes_first() -> None:
    assert KEX[0] == "mlkem768x25519-sha256"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"kex_algs": ["diffie-hellman-group14-sha256"]}, id="old key exchange"),
        pytest.param({"encryption_algs": ["chacha20-poly1305@openssh.com"]}, id="other cipher"),
        pytest.param({"encryption_algs": ["aes256-ctr"]}, id="cipher without authentication"),
        pytest.param({"compression_algs": ["zlib@openssh.com"]}, id="compression"),
        pytest.param({"server_host_key_algs": ["ecdsa-sha2-nistp256"]}, id="other host key"),
    ],
)
async def test_a_downgrade_finds_no_common_algorithm(served: Served, options: dict[str, Any]) -> None:
    with pytest.raises(asyncssh.Error):
        async with served.attacked(**options):
            pass
    with pytest.raises(RelevoError):
        await served.task


async def test_a_client_without_strict_key_exchange_is_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = SSHClientConnection._get_extra_kex_algs

    def without(connection: SSHClientConnection) -> list[bytes]:
        mine = offered(connection)
        return [name for name in mine if not name.startswith(b"kex-strict-c")]

    monkeypatch.setattr(SSHClientConnection, "_get_extra_kex_algs", without)
    with pytest.raises(asyncssh.Error, match="strict"):
        async with served.attacked():
            pass
    with pytest.raises(RelevoError) as caught:
        await served.task
    assert caught.value.code is Code.REFUSED


@pytest.mark.parametrize("method", ["none", "password", "keyboard-interactive"])
async def test_no_other_way_to_log_in_exists(served: Served, method: str) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        async with served.attacked(client_keys=None, preferred_auth=[method], password="secret"):
            pass
    assert served.serving is None


async def test_the_methods_on_offer_are_public_keys_alone(served: Served) -> None:
    leg = LegTunnel(served.there)
    methods = await asyncssh.get_server_auth_methods("x", 22, username=USER, tunnel=leg, config=None)
    assert list(methods) == ["publickey"]
    leg.abort()
    await leg.wait_closed()


async def test_offering_the_right_key_without_its_signature_opens_nothing(served: Served) -> None:
    """A key that is merely offered passes the check for acceptable keys; only the signature logs in."""

    class Offered(asyncssh.SSHKeyPair):
        """The technician's public key in the hands of somebody else."""

        def __init__(self, shown: KeySigner, held: KeySigner) -> None:
            blob = shown.public_key.blob
            super().__init__(b"ssh-ed25519", b"ssh-ed25519", (b"ssh-ed25519",), (), blob, None)
            self._held = held

        def sign(self, data: bytes) -> bytes:
            return self._held.sign(data)

    with pytest.raises(asyncssh.PermissionDenied):
        async with served.attacked(client_keys=[Offered(served.technician, new_key())]):
            pass
    assert served.serving is None
    assert served.agent.requests == []


async def test_a_signature_for_one_user_does_not_log_another_in(served: Served) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        async with served.attacked(username="b" * 32):
            pass
    with pytest.raises(RelevoError):
        await served.task


@pytest.mark.parametrize("principals", [(), (USER,), ("root",)])
@pytest.mark.parametrize("signed_by", ["technician", "stranger"])
async def test_certificates_are_refused_whoever_signed_them(
    served: Served, principals: tuple[str, ...], signed_by: str
) -> None:
    authority = _as_key(served.technician if signed_by == "technician" else new_key())
    own = _as_key(new_key())
    certificate = authority.generate_user_certificate(own, "anybody", principals=principals)
    with pytest.raises(asyncssh.PermissionDenied):
        async with served.attacked(client_keys=[(own, certificate)]):
            pass


async def test_the_technicians_own_key_as_a_certificate_is_refused_too(served: Served) -> None:
    key = _as_key(served.technician)
    certificate = key.generate_user_certificate(key, "me", principals=[USER])
    keypair = asyncssh.load_keypairs([(key, certificate)])[:1]
    assert keypair[0].has_cert
    with pytest.raises(asyncssh.PermissionDenied):
        async with served.attacked(client_keys=keypair):
            pass


async def test_no_more_than_the_allowed_channels_open_at_once(served: Served) -> None:
    async with served.attacked() as connection:
        opened = [
            await connection.open_session(subsystem="assist", encoding=None) for _ in range(MAX_CHANNELS)
        ]
        with pytest.raises(asyncssh.ChannelOpenError, match="too many"):
            await connection.open_session(subsystem="assist", encoding=None)
        opened[0][0].close()
        await opened[0][0].wait_closed()
        await connection.open_session(subsystem="assist", encoding=None)


async def test_channels_that_never_ask_for_anything_count_as_well(served: Served) -> None:
    async with served.attacked() as connection:
        for _ in range(MAX_CHANNELS):
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_session(subsystem="nothing", encoding=None)
        writer, _, _ = await connection.open_session(subsystem="assist", encoding=None)
        writer.close()


@pytest.mark.parametrize("request_type", [b"env", b"x11-req", b"auth-agent-req@openssh.com", b"pty-req"])
async def test_channel_requests_other_than_the_subsystem_fail(served: Served, request_type: bytes) -> None:
    payloads = {
        b"env": String("LD_PRELOAD") + String("/tmp/x.so"),
        b"x11-req": Boolean(False) + String("MIT-MAGIC-COOKIE-1") + String("00") + bytes(4),
        b"auth-agent-req@openssh.com": b"",
        b"pty-req": String("xterm") + bytes(16) + String(b"\0"),
    }
    async with served.attacked() as connection:
        writer, _, _ = await connection.open_session(subsystem="assist", encoding=None)
        channel = writer.channel
        assert await channel._make_request(request_type, payloads[request_type]) is False
        writer.close()


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(lambda c: c.run("id", check=True), id="exec"),
        pytest.param(lambda c: c.create_process(), id="shell"),
        pytest.param(lambda c: c.start_sftp_client(), id="sftp"),
        pytest.param(lambda c: c.create_connection(asyncssh.SSHTCPSession, "127.0.0.1", 22), id="tcp"),
        pytest.param(lambda c: c.create_unix_connection(asyncssh.SSHUNIXSession, "/run/x"), id="unix"),
        pytest.param(lambda c: c.create_tun(asyncssh.SSHTunTapSession), id="tun"),
        pytest.param(lambda c: c.start_server(lambda *_: None, "", 0), id="listen tcp"),
        pytest.param(lambda c: c.start_unix_server(lambda *_: None, "/tmp/x"), id="listen unix"),
    ],
)
async def test_nothing_else_can_be_opened(served: Served, attempt: Any) -> None:
    async with served.attacked() as connection:
        with pytest.raises((asyncssh.Error, asyncssh.ChannelListenError)):
            await attempt(connection)
        writer, _, _ = await connection.open_session(subsystem="assist", encoding=None)
        writer.close()


async def test_a_peer_that_floods_one_channel_stays_within_its_window(served: Served) -> None:
    async with served.attacked() as connection:
        writer, _, _ = await connection.open_session(subsystem="assist", encoding=None)
        writer.write(b"\xff\xff\xff\xff" + bytes(100))
        await writer.channel.wait_closed()
        other, reader, _ = await connection.open_session(subsystem="assist", encoding=None)
        other.write(frame(to_msgpack(About())))
        assert FrameReader().feed(await reader.read())


# --- against the technician -------------------------------------------------------------------------------


class Permissive(asyncssh.SSHServer):
    """A machine that lets anybody in, to see who walks in."""

    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    def begin_auth(self, username: str) -> bool:
        self._seen.append(f"user {username}")
        return False

    def auth_completed(self) -> None:
        self._seen.append("in")


@asynccontextmanager
async def _fake_machine(relay: Relay, seen: list[str], **options: Any) -> AsyncIterator[Any]:
    """A server of the attacker's making at one end of a leg; gives the address of the other."""
    here, there = relay.new_leg()
    leg = LegTunnel(here)
    settings = {"server_factory": lambda: Permissive(seen), "config": None, "gss_host": None, **options}
    serving = asyncio.ensure_future(asyncssh.connect_reverse("x", 22, tunnel=leg, **settings))
    try:
        yield there
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        leg.abort()
        await leg.wait_closed()


async def test_a_machine_that_asks_for_no_proof_gets_no_session(relay: Relay) -> None:
    """A login without a signature proves nothing to anybody (trivial authentication)."""
    host, seen = new_key(), []
    async with _fake_machine(relay, seen, server_host_keys=[_as_key(host)]) as there:
        with pytest.raises(RelevoError) as caught:
            await connect_assist(LegTunnel(there), user=USER, key=new_key(), host_key=host.public_key)
    assert caught.value.code is Code.REFUSED


async def test_a_host_certificate_is_not_the_machines_key(relay: Relay) -> None:
    host, seen = new_key(), []
    own = _as_key(new_key())
    certificate = _as_key(host).generate_host_certificate(own, "host", principals=["relevo"])
    async with _fake_machine(relay, seen, server_host_keys=[(own, certificate)]) as there:
        with pytest.raises(RelevoError) as caught:
            await connect_assist(LegTunnel(there), user=USER, key=new_key(), host_key=host.public_key)
    assert caught.value.code is Code.IDENTITY_MISMATCH
    assert seen == []


async def test_a_machine_without_strict_key_exchange_is_refused(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SSHServerConnection, "_get_extra_kex_algs", lambda _: [b"ext-info-s"])
    host, seen = new_key(), []
    async with _fake_machine(relay, seen, server_host_keys=[_as_key(host)]) as there:
        with pytest.raises(RelevoError) as caught:
            await connect_assist(LegTunnel(there), user=USER, key=new_key(), host_key=host.public_key)
    assert caught.value.code is Code.REFUSED
    assert seen == []


async def test_the_technician_says_nothing_to_the_ssh_agent_and_reads_no_configuration(
    relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    server = await asyncio.start_unix_server(lambda _r, w: (asked.append("agent"), w.close()), tmp_path / "s")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  ProxyCommand touch %d/ran\n  User root\n  Bogus!\n")
    (tmp_path / ".ssh" / "known_hosts").write_text(f"relevo {new_key().public_key.text}\n")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "s"))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with open_session(relay, SmallAgent()) as session:
        assert await session.technician.open_channel()
    server.close()
    await server.wait_closed()
    assert asked == []
    assert not (tmp_path / "ran").exists()


def test_the_clients_options_name_one_key_and_no_other_source() -> None:
    options = client_options(
        user=USER, key=SignerKeyPair(new_key(), may_block=True), host_key=new_key().public_key
    )
    assert options.client_keys is not None
    assert len(options.client_keys) == 1
    assert not options.agent_path
    assert options.known_hosts == ([], [], [])
    assert options.disable_trivial_auth
    assert options.x509_trusted_certs is None


async def test_a_login_that_nobody_finishes_gives_up(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocol.drivers.ssh.LOGIN_S", 0.2)
    here, there = relay.new_leg()
    silent = LegTunnel(there)
    _, writer = await silent.open_streams()
    writer.write(b"SSH-2.0-silence\r\n")
    with pytest.raises(RelevoError) as caught:
        await serve_assist(
            LegTunnel(here),
            user=USER,
            technician_key=new_key().public_key,
            host_key=new_key(),
            handle=SmallAgent().handle,
        )
    assert caught.value.code is Code.SESSION_LOST
    writer.close()
    await silent.wait_closed()


async def test_random_bytes_instead_of_ssh_end_the_leg_and_nothing_else(relay: Relay) -> None:
    here, there = relay.new_leg()
    attacker = LegTunnel(there)
    _, writer = await attacker.open_streams()
    writer.write(b"SSH-2.0-x\r\n" + secrets.token_bytes(100_000))
    with pytest.raises(RelevoError):
        await serve_assist(
            LegTunnel(here),
            user=USER,
            technician_key=new_key().public_key,
            host_key=new_key(),
            handle=SmallAgent().handle,
        )
    writer.close()
    await attacker.wait_closed()
