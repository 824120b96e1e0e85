"""Mails over SMTP: one connection for a batch, one transaction for a mail, a deadline on everything."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType

import aiosmtplib

from broker.outgoing.pace import End, Outcome
from broker.outgoing.settings import MailSettings

CONNECT_S = 15.0
COMMAND_S = 30.0
SEND_S = 60.0
_PERMANENT = range(500, 600)
_GOING_DOWN = 421
_ANSWERED = (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused)
_BROKEN = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, ConnectionError, TimeoutError)


class Mailer:
    """A connection to the server of ``settings``, opened when it is first needed."""

    def __init__(self, settings: MailSettings, context: ssl.SSLContext) -> None:
        self._settings = settings
        self._context = context
        self._client: aiosmtplib.SMTP | None = None

    async def __aenter__(self) -> Mailer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        try:
            async with asyncio.timeout(2.0):
                await client.quit()
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            client.close()

    async def send(self, content: bytes, to: str) -> Outcome:
        """One attempt. Whatever the server answers once it has the mail is what counts: a connection that
        breaks before that answer leaves the mail to be sent again with the same Message-ID."""
        try:
            client = await self._connected()
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError) as error:
            return Outcome(End.DOWN, _why(error))
        try:
            async with asyncio.timeout(SEND_S):
                await client.sendmail(self._settings.sender, [to], content)
        except _BROKEN as error:
            self._drop()
            return Outcome(End.DOWN, _why(error))
        except _ANSWERED as error:
            await self._reset()
            return _judged(error)
        except (aiosmtplib.SMTPException, OSError) as error:
            self._drop()
            return Outcome(End.DOWN, _why(error))
        return Outcome(End.SENT)

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        said = self._settings
        client = aiosmtplib.SMTP(
            hostname=said.host,
            port=said.port,
            timeout=COMMAND_S,
            use_tls=said.security == "tls",
            start_tls=said.security == "starttls",
            username=said.user,
            password=said.password,
            tls_context=None if said.security == "plaintext" else self._context,
            # Not this machine's name, which is nobody's business but ours.
            local_hostname="[127.0.0.1]",
        )
        async with asyncio.timeout(CONNECT_S):
            await client.connect()
        self._client = client
        return client

    async def _reset(self) -> None:
        """After a refusal the next mail begins anew, on a new connection if this one does not go on."""
        if self._client is None or not self._client.is_connected:
            self._drop()
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._client.rset()
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None


def _judged(error: aiosmtplib.SMTPResponseException | aiosmtplib.SMTPRecipientsRefused) -> Outcome:
    """4yz: try again; 5yz: never (RFC 5321 section 4.2.1). 421: the server itself goes down."""
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        # The sender is the same in every mail: this is about the settings, not about this mail.
        return Outcome(End.DOWN, f"sender refused, SMTP {error.code}")
    code = error.recipients[0].code if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else error.code
    if code == _GOING_DOWN:
        return Outcome(End.DOWN, f"SMTP {code}")
    return Outcome(End.REFUSED if code in _PERMANENT else End.LATER, f"SMTP {code}")


def _why(error: BaseException) -> str:
    """The kind of failure and the server's code; never its words, which may repeat what was sent."""
    code = getattr(error, "code", None)
    return f"{type(error).__name__} {code}" if isinstance(code, int) else type(error).__name__
