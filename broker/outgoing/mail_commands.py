"""`relevo-broker mail`: how mails leave."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from broker.outgoing.command_parts import FILE, checked, config_of, data_options, pem, require_sent
from broker.outgoing.settings import MailSettings, SettingsFiles, is_loopback, require_safe_mail
from protocol.addresses import require_address
from protocol.drivers.files import given, read_file
from protocol.drivers.terminal import Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce

_MAX_PASSWORD = 4_096


@click.group("mail", cls=Group, help="broker.mail")
def mail() -> None:
    """The commands below."""


@mail.command("set", help="broker.mail.set")
@option("--host", required=True, metavar="HOST", help="broker.option.mail-host")
@option("--port", required=True, type=click.IntRange(1, 65_535), help="broker.option.mail-port")
@option("--from", "sender", required=True, metavar="ADDRESS", help="broker.option.mail-from")
@option("--from-name", metavar="NAME", help="broker.option.mail-from-name")
@option("--starttls", is_flag=True, help="broker.option.starttls")
@option("--tls", is_flag=True, help="broker.option.tls")
@option("--allow-plaintext", is_flag=True, help="broker.option.allow-plaintext")
@option("--user", metavar="USER", help="broker.option.mail-user")
@option("--password-file", type=FILE, help="broker.option.mail-password-file")
@option("--ca", type=FILE, help="broker.option.ca")
@data_options
def mail_set(
    *,
    host: str,
    port: int,
    sender: str,
    from_name: str | None,
    starttls: bool,
    tls: bool,
    allow_plaintext: bool,
    user: str | None,
    password_file: Path | None,
    ca: Path | None,
    data: Path,
    as_json: bool,
) -> None:
    """Replace the settings as a whole."""
    config = config_of(data)
    settings = MailSettings(
        host=host,
        port=port,
        sender=require_address(sender),
        sender_name=from_name,
        security=_security(host, starttls=starttls, tls=tls, allow_plaintext=allow_plaintext),
        user=user,
        password=_password(password_file),
        ca=pem(ca),
    )
    require_safe_mail(settings, allow_plaintext=allow_plaintext)
    SettingsFiles(config.data).write_mail(checked(settings, "mail"))
    if as_json:
        emit_json(_shown(settings))
        return
    note(words()("broker.mail.is-set", host=printable(host), port=port))


def _security(
    host: str, *, starttls: bool, tls: bool, allow_plaintext: bool
) -> Literal["starttls", "tls", "plaintext"]:
    if starttls + tls + allow_plaintext > 1:
        raise RelevoError(Code.USAGE, "--starttls, --tls and --allow-plaintext exclude each other")
    if tls:
        return "tls"
    if starttls or not (allow_plaintext or is_loopback(host)):
        return "starttls"
    return "plaintext"


def _password(path: Path | None) -> str | None:
    """The first line of the file."""
    if path is None:
        return None
    with given(path):
        try:
            lines = read_file(path, _MAX_PASSWORD).decode("utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise RelevoError(Code.MALFORMED, f"{path}: not UTF-8") from error
    if not lines or not lines[0]:
        raise RelevoError(Code.USAGE, f"{path} holds no password")
    return lines[0]


@mail.command("show", help="broker.mail.show")
@data_options
def mail_show(data: Path, as_json: bool) -> None:
    """The settings, without the password."""
    shown = _shown(_settings(data))
    if as_json:
        emit_json(shown)
        return
    labels = {name: words()(f"broker.mail.field.{name}") for name in shown}
    width = max(map(len, labels.values()))
    for name, value in shown.items():
        say(f"{labels[name]:<{width}}  {_in_words(value)}")


@mail.command("remove", help="broker.mail.remove")
@data_options
def mail_remove(data: Path, as_json: bool) -> None:
    """Send no more mail."""
    SettingsFiles(config_of(data).data).remove_mail()
    if as_json:
        emit_json({"mail": None})
        return
    note(words()("broker.mail.removed"))


@mail.command("test", help="broker.mail.test")
@click.argument("address")
@data_options
def mail_test(address: str, data: Path, as_json: bool) -> None:
    """Send one mail now and say what the server answered."""
    from broker.outgoing.mails import Envelope, compose_test
    from broker.outgoing.smtp import Mailer
    from broker.outgoing.webhooks import client_context

    settings = _settings(data)
    envelope = Envelope(
        to=require_address(address),
        language=words().language,
        message=f"test.{new_nonce()[:32]}",
        thread="",
        at=datetime.now(UTC),
    )

    async def send() -> None:
        async with Mailer(settings, client_context(settings.ca)) as mailer:
            require_sent(await mailer.send(compose_test(envelope, settings).as_bytes(), address))

    asyncio.run(send())
    if as_json:
        emit_json({"sent": True, "to": address})
        return
    note(words()("broker.mail.sent", address=printable(address)))


def _settings(data: Path) -> MailSettings:
    found = SettingsFiles(config_of(data).data).read().mail
    if found is None:
        raise RelevoError(Code.NOT_FOUND, "mail is not set up: relevo-broker mail set")
    return found


def _in_words(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return words()("broker.mail.yes" if value else "broker.mail.no")
        case _:
            return printable(str(value))


def _shown(settings: MailSettings) -> dict[str, object]:
    return {
        "host": settings.host,
        "port": settings.port,
        "from": settings.sender,
        "from_name": settings.sender_name,
        "security": settings.security,
        "user": settings.user,
        "has_password": settings.password is not None,
        "has_ca": settings.ca is not None,
    }
