"""The limit for a request: the same asyncssh and the same ciphers, client and server directly on loopback.

``python -m benchmarks.asyncssh_limit`` is the server; it prints its port and its public key.
"""

from __future__ import annotations

import asyncio
import sys

import asyncssh

from protocol.drivers.ssh import CHANNEL_WINDOW, CIPHERS

_SUBSYSTEM = "echo"
_QUESTION = b"\0\0\0\x0f" + b"q" * 15
_ANSWER = b"\0\0\x01\x00" + b"a" * 256


class _Server(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


class LimitClient:
    """One connection; each request opens a channel, asks and waits for the answer, as ours does."""

    def __init__(self, runner: asyncio.Runner, port: int, key: str) -> None:
        self._runner = runner
        self._connection = runner.run(self._connect(port, key))

    @staticmethod
    async def _connect(port: int, key: str) -> asyncssh.SSHClientConnection:
        return await asyncssh.connect(
            "127.0.0.1",
            port,
            known_hosts=([asyncssh.import_public_key(key)], [], []),
            username="limit",
            config=None,
            agent_path=None,
            client_keys=None,
            encryption_algs=CIPHERS,
            compression_algs=("none",),
            window=CHANNEL_WINDOW,
        )

    def request(self) -> None:
        self._runner.run(self._request())

    async def _request(self) -> None:
        writer, reader, _ = await self._connection.open_session(subsystem=_SUBSYSTEM, encoding=None)
        writer.write(_QUESTION)
        answer = await reader.read()
        if len(answer) != len(_ANSWER):
            raise RuntimeError("short answer")
        writer.close()

    def close(self) -> None:
        async def end() -> None:
            self._connection.close()
            await self._connection.wait_closed()

        self._runner.run(end())


async def _answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
    await process.stdin.readexactly(len(_QUESTION))
    process.stdout.write(_ANSWER)
    process.exit(0)


async def _serve() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=_Server,
        server_host_keys=[key],
        process_factory=_answer,
        encoding=None,
        encryption_algs=CIPHERS,
        compression_algs=("none",),
        window=CHANNEL_WINDOW,
    )
    public = key.export_public_key("openssh").decode().strip()
    print(listener.get_port(), public, flush=True)
    await listener.wait_closed()


if __name__ == "__main__":
    try:
        asyncio.run(_serve())
    except KeyboardInterrupt:
        sys.exit(0)
