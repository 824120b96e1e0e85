"""Who gets what a broker sends: a real SMTP server and a real HTTP target on loopback, both told how to behave."""

from __future__ import annotations

import asyncio
import email
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from standardwebhooks import Webhook


@dataclass
class Mailbox:
    """What an SMTP server took, and how it answers."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Any] = field(default_factory=list)
    recipients_answer: Callable[[str], str] = lambda address: "250 OK"
    data_answers: list[str] = field(default_factory=list)
    """One for each mail, then ``250``; ``hang`` and ``close`` do what they say."""
    logins: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    heard: list[EmailMessage] = field(default_factory=list)
    """Every mail whose words arrived, whatever was answered."""
    on_data: Callable[[], None] = lambda: None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.recipients_answer(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.data_answers.pop(0) if self.data_answers else "250 OK"
        message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.heard.append(message)
        self.on_data()
        if answer == "hang":
            await asyncio.Event().wait()
        if answer == "close":
            server.transport.abort()
            return "250 never heard"
        if answer.startswith("250"):
            self.mails.append(message)
            self.envelopes.append(envelope)
        return answer

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address]


@asynccontextmanager
async def smtp_server(
    box: Mailbox | None = None,
    *,
    context: ssl.SSLContext | None = None,
    implicit: bool = False,
    password: str | None = None,
    port: int = 0,
) -> AsyncIterator[Mailbox]:
    """A server until the block ends; with ``password`` it wants a login, with ``context`` it has TLS."""
    box = box or Mailbox()

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        box.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password.decode() == password, handled=False)

    def make() -> SMTP:
        box.connections += 1
        with warnings.catch_warnings():
            # aiosmtpd does not know that it stands behind TLS from the first byte.
            warnings.simplefilter("ignore", UserWarning)
            return _server()

    def _server() -> SMTP:
        return SMTP(
            box,
            hostname="mail.test",
            tls_context=None if implicit else context,
            require_starttls=context is not None and not implicit,
            authenticator=authenticate if password else None,
            auth_required=password is not None,
            auth_require_tls=not implicit,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(
        make, "127.0.0.1", port, ssl=context if implicit else None
    )
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for _ in range(20):
            # A handshake that failed is taken down in the next rounds of the loop.
            await asyncio.sleep(0)


@dataclass
class Authority:
    """A certificate authority of its own, and a server's context signed by it."""

    pem: str
    context: ssl.SSLContext


def authority(*names: str) -> Authority:
    made = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
    return Authority(made.cert_pem.bytes().decode(), context)


@dataclass
class Called:
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:
        """The decoded body, as the standard's own library sees it."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Target:
    """What an HTTP target was called with, and how it answers."""

    port: int = 0
    calls: list[Called] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """One for each call: a status, ``hang``, ``garbage``, ``endless``, ``packed``; then ``rest``."""
    rest: str = "204"
    url_path: str = "/hook"
    seen_paths: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.url_path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # the other side went, or the test is over
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.seen_paths.append(head[0].split()[1])
        headers = {k.lower(): v for k, _, v in (row.partition(": ") for row in head[1:] if row)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        answer = self.answers.pop(0) if self.answers else self.rest
        self.calls.append(Called(headers, body))
        match answer:
            case "hang":
                await asyncio.Event().wait()
            case "garbage":
                writer.write(b"\x00\x01 not http at all\r\n\r\n")
                return False
            case "endless":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n" + b"x" * 65_536)
                await writer.drain()
            case "packed":
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n"
                    b"content-encoding: gzip\r\n\r\n8\r\nno gzip!\r\n0\r\n\r\n"
                )
            case "redirect":
                writer.write(b"HTTP/1.1 307 Go\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
            case _:
                writer.write(f"HTTP/1.1 {answer} x\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        return answer != "endless"


@asynccontextmanager
async def http_target(target: Target | None = None) -> AsyncIterator[Target]:
    """A target until the block ends."""
    target = target or Target()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await target.serve(reader, writer)
        finally:
            running.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", target.port)
    target.port = server.sockets[0].getsockname()[1]
    try:
        yield target
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
