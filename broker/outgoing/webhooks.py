"""Webhook calls: what they say, their signature, and one POST (standardwebhooks.com).

A target is a URL that the administrator named, which may well be inside. What keeps a call from going
elsewhere: TLS with a verified certificate (plaintext to this machine only), no redirect is followed, no
proxy from the environment is used, and nothing of the answer is read but its status.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime
from urllib.parse import urlsplit

import httpx2
from standardwebhooks import Webhook as Signer

from broker.knowledge.secrets import without_secrets
from broker.outgoing.kinds import TEST_EVENT, WEBHOOK_KINDS
from broker.outgoing.pace import End, Outcome
from broker.outgoing.reading import Step
from broker.outgoing.rules import Happened
from broker.outgoing.settings import Webhook, is_loopback
from protocol import VERSION
from protocol.api import TicketView
from protocol.errors import Code, RelevoError
from protocol.tickets import State
from protocol.webhooks import TicketData, WebhookCall

Client = httpx2.AsyncClient
CONNECT_S = 10.0
"""For the connection and its TLS handshake. Shorter than the whole: a client that is cancelled in the middle
of a handshake leaves its socket to the garbage collector."""
DEADLINE_S = 15.0
"""For a whole call; receivers are told to answer first and to work afterwards."""
AT_ONCE = 8
"""Calls to one target at a time."""
_GONE = 410
_NO_CONTENT = 204


def call_of(
    org: str, webhook: Webhook, event: Happened, ticket: TicketView, step: Step | None
) -> WebhookCall:
    """What is said about an event: codes and counts; words only for a webhook ``with_text``."""
    data = TicketData(
        org=org,
        ticket=event.ticket,
        customer=ticket.customer,
        state=State(event.to_state),
        from_state=State(event.from_state) if event.from_state else None,
        tier=event.tier,
        priority=event.priority,
        queue=event.queue,
        assignee=event.assignee,
        category=ticket.category,
        by=event.party,
        log_index=event.log_index,
        reason=event.reason,
        clock=step.clock if step else None,
        percent=step.percent if step else None,
        title=without_secrets(ticket.title) if webhook.with_text else None,
        text=(event.words or None) if webhook.with_text else None,
    )
    return WebhookCall(type=WEBHOOK_KINDS[event.kind], timestamp=event.at, data=data)


def trial_call(now: datetime) -> WebhookCall:
    return WebhookCall(type=TEST_EVENT, timestamp=now)


def headers_of(webhook: Webhook, message: str, body: bytes, now: datetime) -> dict[str, str]:
    """The signature is over id, time and body, with the secret that only the receiver has."""
    signature = Signer(webhook.secret).sign(message, now, body.decode())
    return {
        "content-type": "application/json",
        "user-agent": f"relevo/{VERSION}",
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


def require_safe_url(url: str) -> str:
    """The URL as it may be called.

    Raises:
        RelevoError: ``usage`` for what is no plain http(s) URL, for one with a user or password in it, and
            for plaintext to anything but this machine.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise RelevoError(Code.USAGE, f"not a URL: {url[:100]!r}") from error
    if parts.scheme not in ("https", "http") or not host or port == 0 or not url.isascii():
        raise RelevoError(Code.USAGE, f"a webhook's URL is https://HOST/…, not {url[:100]!r}")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise RelevoError(Code.USAGE, "no user, password or fragment in a webhook's URL")
    if any(char in url for char in ' \t\r\n\\"<>'):
        raise RelevoError(Code.USAGE, "the URL has characters that no URL has")
    if parts.scheme == "http" and not is_loopback(host):
        raise RelevoError(Code.USAGE, "plain http goes to this machine only: use https")
    return url


def make_client(context: ssl.SSLContext) -> Client:
    """A client for one target."""
    return Client(
        verify=context,
        follow_redirects=False,
        trust_env=False,
        timeout=httpx2.Timeout(DEADLINE_S, connect=CONNECT_S),
        limits=httpx2.Limits(max_connections=AT_ONCE, keepalive_expiry=30),
    )


def client_context(ca: str | None) -> ssl.SSLContext:
    """Certificates verified against the system's authorities, or only against ``ca``.

    Raises:
        RelevoError: ``usage`` for certificates that are none.
    """
    try:
        context = ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise RelevoError(Code.USAGE, "the file with certificates holds none (PEM)") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def post(client: Client, webhook: Webhook, message: str, body: bytes, now: datetime) -> Outcome:
    """One attempt, over after ``DEADLINE_S`` at the latest. Cancelling closes the connection."""
    headers = headers_of(webhook, message, body, now)
    try:
        async with asyncio.timeout(DEADLINE_S):
            async with client.stream("POST", webhook.url, content=body, headers=headers) as answer:
                if answer.headers.get("content-length") == "0" or answer.status_code == _NO_CONTENT:
                    # Nothing to read: the connection is good for the next call. Where that was a lie, one
                    # piece as it came is all that is taken: unpacked, it could be any size.
                    async for _piece in answer.aiter_raw():
                        break
                return _judged(answer.status_code)
    except TimeoutError:
        return Outcome(End.DOWN, "no answer in time")
    except (httpx2.RequestError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
        return Outcome(End.DOWN, type(error).__name__)


def _judged(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome(End.SENT)
    if status == _GONE:
        return Outcome(End.REFUSED, f"HTTP {status}")
    # A server's fault is the target's; anything else may be about this one call.
    down = status >= 500 or status in (301, 302, 303, 307, 308, 401, 403, 404, 429)
    return Outcome(End.DOWN if down else End.LATER, f"HTTP {status}")
