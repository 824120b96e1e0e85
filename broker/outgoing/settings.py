"""What the administrator set up for mail and webhooks: two files that a running broker reads again.

``outgoing/mail.json`` and ``outgoing/webhooks.json`` in the data folder, mode 0600 because they hold the
password and the signing secrets. The commands replace them whole; the broker looks at every round whether
they changed. So nothing has to be restarted, and no route exists that could read a secret.
"""

from __future__ import annotations

import base64
import ipaddress
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from broker.outgoing.kinds import WEBHOOK_EVENTS
from protocol.addresses import Email
from protocol.drivers.files import read_file, write_private
from protocol.drivers.locks import locked
from protocol.errors import Code, RelevoError
from protocol.wire import Line, Moment, Name, Wire, from_json, to_json

MAX_WEBHOOKS = 100
MAX_FILE = 4 << 20
MAX_CA = 1 << 20
_LOCK_S = 5.0

WebhookId = Annotated[str, Meta(pattern=r"^wh-[0-9a-f]{12}$(?!\n)")]
Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9:]([A-Za-z0-9.:-]{0,252})$(?!\n)")]
Pem = Annotated[str, Meta(max_length=MAX_CA)]


class MailSettings(Wire, frozen=True):
    """How mails leave. Certificates are always verified where there is TLS."""

    host: Host
    port: Annotated[int, Meta(ge=1, le=65_535)]
    sender: Email
    sender_name: Line | None = None
    security: Literal["starttls", "tls", "plaintext"] = "starttls"
    user: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    password: Annotated[str, Meta(min_length=1, max_length=1_000)] | None = None
    ca: Pem | None = None
    """Certificates to trust instead of the system's."""


class Webhook(Wire, frozen=True):
    """Where ticket events are posted to."""

    id: WebhookId
    url: Annotated[str, Meta(pattern=r"^https?://[\x21-\x7e]+$(?!\n)", max_length=2_000)]
    secret: Annotated[str, Meta(pattern=r"^whsec_[A-Za-z0-9+/=]{24,200}$(?!\n)")]
    created: Moment
    events: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    """Names of ``WEBHOOK_EVENTS``; empty: all."""
    customer: Name | None = None
    """Only this customer's tickets."""
    with_text: bool = False
    ca: Pem | None = None

    def wants(self, event: str, customer: str) -> bool:
        return (not self.events or event in self.events) and self.customer in (None, customer)


class Webhooks(Wire, frozen=True):
    rows: Annotated[tuple[Webhook, ...], Meta(max_length=MAX_WEBHOOKS)] = ()


class Outgoing(Wire, frozen=True):
    """Both files."""

    mail: MailSettings | None = None
    webhooks: tuple[Webhook, ...] = ()

    def webhook(self, id_: str) -> Webhook | None:
        return next((row for row in self.webhooks if row.id == id_), None)


class SettingsFiles:
    """The two files of one data folder."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "outgoing"
        self.mail = self.folder / "mail.json"
        self.webhooks = self.folder / "webhooks.json"

    def stamp(self) -> tuple[object, ...]:
        """Differs whenever a file was replaced; a stat each."""
        return tuple(_stamp(path) for path in (self.mail, self.webhooks))

    def read(self) -> Outgoing:
        """What they say now; a missing file says nothing.

        Raises:
            RelevoError: ``malformed``, ``refused``, ``too-large`` for a damaged or unreadable file.
        """
        mail = from_json(read_file(self.mail, MAX_FILE), MailSettings) if self.mail.exists() else None
        return Outgoing(mail=mail, webhooks=self._webhooks().rows)

    def write_mail(self, settings: MailSettings) -> None:
        """Raises RelevoError: ``usage`` as ``require_safe``; ``cannot-record``."""
        with self._editing():
            write_private(self.mail, to_json(settings))

    def remove_mail(self) -> None:
        """Raises RelevoError: ``not-found`` where mail was not set up."""
        with self._editing():
            if not self.mail.exists():
                raise RelevoError(Code.NOT_FOUND, "mail is not set up")
            self.mail.unlink()

    def add_webhook(self, webhook: Webhook) -> None:
        """Raises RelevoError: ``conflict`` when there are ``MAX_WEBHOOKS``; ``cannot-record``."""
        with self._editing():
            rows = self._webhooks().rows
            if len(rows) >= MAX_WEBHOOKS:
                raise RelevoError(Code.CONFLICT, f"{MAX_WEBHOOKS} webhooks are the most")
            write_private(self.webhooks, to_json(Webhooks(rows=(*rows, webhook))))

    def remove_webhook(self, id_: str) -> Webhook:
        """Raises RelevoError: ``not-found``; ``cannot-record``."""
        with self._editing():
            rows = self._webhooks().rows
            found = next((row for row in rows if row.id == id_), None)
            if found is None:
                raise RelevoError(Code.NOT_FOUND, f"webhook {id_[:40]}")
            write_private(self.webhooks, to_json(Webhooks(rows=tuple(r for r in rows if r.id != id_))))
            return found

    def _webhooks(self) -> Webhooks:
        if not self.webhooks.exists():
            return Webhooks()
        return from_json(read_file(self.webhooks, MAX_FILE), Webhooks)

    @contextmanager
    def _editing(self) -> Iterator[None]:
        with locked(self.folder / "lock", _LOCK_S):
            yield


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def new_webhook_id() -> str:
    return f"wh-{secrets.token_hex(6)}"


def new_secret() -> str:
    """256 random bits in the form that receivers' libraries take (standardwebhooks.com)."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def require_events(names: tuple[str, ...]) -> tuple[str, ...]:
    """Raises RelevoError: ``usage`` for an event that does not exist."""
    for name in names:
        if name not in WEBHOOK_EVENTS:
            raise RelevoError(Code.USAGE, f"no event {name[:60]!r}; there are: {' '.join(WEBHOOK_EVENTS)}")
    return names


def is_loopback(host: str) -> bool:
    """Only an address, or the one name that is always one: other names are what DNS makes of them."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_safe_mail(settings: MailSettings, *, allow_plaintext: bool) -> None:
    """Raises RelevoError: ``usage`` for plaintext to another machine that was not asked for by name, and
    for a password without a user."""
    if settings.security == "plaintext" and not (is_loopback(settings.host) or allow_plaintext):
        raise RelevoError(
            Code.USAGE, "without --starttls or --tls only to this machine, or --allow-plaintext"
        )
    if (settings.user is None) != (settings.password is None):
        raise RelevoError(Code.USAGE, "--user and --password-file go together")
