"""The peer: two real OpenSSH servers on loopback, one of them the jump host, with keys made for the run."""

from __future__ import annotations

import array
import contextlib
import getpass
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import PeerMissingError
from tests.support.world import free_port

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CIPHER = "aes256-gcm@openssh.com"
"""The one that our sessions use first."""

# HOME elsewhere: a slow .bashrc of whoever runs this would be held against OpenSSH.
_SERVER = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile {folder}/{name}.pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding yes
MaxStartups 100
MaxSessions 100
PrintMotd no
SetEnv HOME={folder}
LogLevel ERROR
Subsystem sftp internal-sftp
"""
# The quickest of its key exchanges: the default of 9.2 (sntrup761) costs it 0.1 s more for each host.
_CLIENT = """Host jump target
  HostName 127.0.0.1
  User {user}
  IdentityFile {folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  Ciphers {cipher}
  KexAlgorithms curve25519-sha256
  Compression no
  LogLevel ERROR
Host jump
  Port {jump}
Host target
  Port {target}
  ProxyJump jump
"""


@dataclass
class Pair:
    """A jump host and the target behind it."""

    folder: Path
    jump_port: int
    target_port: int

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    def ssh(self, *words: str) -> list[str]:
        return ["ssh", "-F", str(self.config), *words]


@contextlib.contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    """Start both; they are stopped at the end.

    Raises:
        PeerMissingError: there is no OpenSSH server here.
    """
    if SSHD is None or shutil.which("ssh") is None:
        raise PeerMissingError("openssh-server")
    folder.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    made = Pair(folder, free_port(), free_port())
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(
        "".join(f"[127.0.0.1]:{port} {host_key}\n" for port in (made.jump_port, made.target_port))
    )
    made.config.write_text(
        _CLIENT.format(
            folder=folder, user=getpass.getuser(), cipher=CIPHER, jump=made.jump_port, target=made.target_port
        )
    )
    with contextlib.ExitStack() as stack:
        for name, port in (("jump", made.jump_port), ("target", made.target_port)):
            config = folder / f"{name}.conf"
            config.write_text(_SERVER.format(port=port, folder=folder, name=name))
            server = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=(folder / f"{name}.log").open("wb"),
            )
            stack.callback(_stop, server)
            wait_port(port)
        yield made


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(10)


def wait_port(port: int, seconds: float = 10.0) -> None:
    """Until something accepts on loopback."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


class Master:
    """One ControlMaster connection through the jump host, asked directly over its socket.

    Speaks OpenSSH's PROTOCOL.mux, so that no ``ssh`` process has to start for each request: the same
    footing as our client library over the holder's socket.
    """

    _HELLO, _NEW_SESSION = 0x00000001, 0x10000002
    _OPENED, _EXIT, _DENIED, _FAILURE = 0x80000006, 0x80000004, 0x80000002, 0x80000003

    def __init__(self, made: Pair) -> None:
        self._socket = made.folder / "m"
        self._process = subprocess.Popen(
            made.ssh("-M", "-N", "-S", str(self._socket), "target"),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while not self._socket.exists():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise PeerMissingError("the ControlMaster did not come up")
            time.sleep(0.02)
        self._null = os.open(os.devnull, os.O_RDWR)

    def close(self) -> None:
        os.close(self._null)
        _stop(self._process)

    def run(self, command: str) -> int:
        """Run ``command`` on the target through the open connection; its exit status."""
        read, write = os.pipe()
        with socket.socket(socket.AF_UNIX) as mux, os.fdopen(read, "rb") as output:
            mux.connect(str(self._socket))
            mux.sendall(_packet(struct.pack(">II", self._HELLO, 4)))
            _receive(mux)
            asked = (
                struct.pack(">II", self._NEW_SESSION, 1)
                + _string("")
                + struct.pack(">IIIII", 0, 0, 0, 0, 0xFFFFFFFF)
            )
            mux.sendall(_packet(asked + _string("") + _string(command)))
            for descriptor in (self._null, write, self._null):
                mux.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))])
            os.close(write)
            opened = _receive(mux)
            if struct.unpack_from(">I", opened)[0] != self._OPENED:
                raise RuntimeError(f"the master refused: {opened!r}")
            output.read()
            while True:
                said = _receive(mux)
                kind = struct.unpack_from(">I", said)[0]
                if kind == self._EXIT:
                    return int(struct.unpack_from(">I", said, 8)[0])


def _packet(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def _string(text: str) -> bytes:
    return _packet(text.encode())


def _receive(mux: socket.socket) -> bytes:
    size = struct.unpack(">I", _exactly(mux, 4))[0]
    return _exactly(mux, size)


def _exactly(mux: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = mux.recv(count - len(found))
        if not piece:
            raise ConnectionError("the master hung up")
        found += piece
    return found
