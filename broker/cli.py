"""``relevo-broker``."""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from broker.config import load_config
from broker.connectors.commands import connector
from broker.outgoing.mail_commands import mail
from broker.outgoing.queue_commands import outgoing
from broker.outgoing.webhook_commands import webhook
from protocol import VERSION
from protocol.drivers.files import given
from protocol.drivers.terminal import (
    Group,
    common_options,
    emit_json,
    note,
    option,
    printable,
    run,
    say,
    words,
)
from protocol.errors import Code, RelevoError
from protocol.wording import broker as broker_words
from protocol.wording import connectors as connector_words
from protocol.wording import outgoing as outgoing_words

_data = option("--data", type=click.Path(path_type=Path), required=True, help="broker.option.data")
_database = option("--database", default=None, help="broker.option.database")


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        say(f"relevo-broker {VERSION}")
        context.exit()


@click.group(cls=Group, help="broker")
@option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="option.version"
)
@option("--lang", type=click.Choice(["en", "es"]), expose_value=False, help="option.lang")
@option("--debug", is_flag=True, expose_value=False, help="option.debug")
def cli() -> None:
    """The commands below."""


@cli.command("init", help="broker.init")
@_data
@option("--url", required=True, help="broker.option.url")
@option("--tls-cert", type=click.Path(path_type=Path), default=None, help="broker.option.tls-cert")
@option("--tls-key", type=click.Path(path_type=Path), default=None, help="broker.option.tls-key")
@common_options
def init(data: Path, url: str, tls_cert: Path | None, tls_key: Path | None, as_json: bool) -> None:
    from broker import setup

    pairing = setup.init(data, url, datetime.now(UTC), tls_cert, tls_key)
    if as_json:
        emit_json({"data": str(data.absolute()), "pairing": pairing, "link": setup.pairing_link(pairing)})
        return
    text = words()
    note(text("broker.made", data=data))
    note(text("broker.certificate", sha256=pairing.tls_sha256))
    note(text("broker.next"))
    say(f"relevo org connect {data.absolute()}")
    say(f"relevo org connect '{setup.pairing_link(pairing)}'")


@cli.command("serve", help="broker.serve")
@_data
@option("--listen", default="127.0.0.1:8443", show_default=True, help="broker.option.listen")
@option("--accept-clock", is_flag=True, help="broker.option.accept-clock")
@_database
@common_options
def serve(data: Path, listen: str, accept_clock: bool, database: str | None, as_json: bool) -> None:
    from broker import logs
    from broker.serving import serve as serve_until_stopped

    host, port = _listen_address(listen)
    config = load_config(data, host, port, database)
    logs.configure()

    def announce(url: str) -> None:
        if as_json:
            emit_json({"ready": url})
        else:
            say(f"ready {url}")
            sys.stdout.flush()

    serve_until_stopped(config, announce, accept_clock=accept_clock)


@cli.command("check", help="broker.check")
@_data
@_database
@common_options
def check(data: Path, database: str | None, as_json: bool) -> int:
    from broker import checking

    _quiet()
    findings = checking.check(load_config(data, database=database), datetime.now(UTC))
    if as_json:
        emit_json(findings)
    for finding in findings if not as_json else ():
        state = words()("broker.ok" if finding.ok else "broker.bad")
        say(f"{state:4} {finding.check:12} {printable(finding.detail)}")
    codes = [finding.code for finding in findings if finding.code is not None]
    return int(RelevoError(codes[0]).exit_status) if codes else 0


@cli.command("backup", help="broker.backup")
@_data
@option("--to", "target", type=click.Path(path_type=Path), required=True, help="broker.option.to")
@common_options
def backup(data: Path, target: Path, as_json: bool) -> None:
    from broker import backup as backups

    size = backups.backup(load_config(data), target.absolute())
    if as_json:
        emit_json({"path": str(target.absolute()), "size_bytes": size})
        return
    note(words()("broker.backed-up", path=target, size=size))
    note(words()("broker.backup-secret"))


@cli.command("restore", help="broker.restore")
@_data
@option("--from", "source", type=click.Path(path_type=Path), required=True, help="broker.option.from")
@common_options
def restore(data: Path, source: Path, as_json: bool) -> None:
    from broker import backup as backups

    with given(source):
        backups.restore(data, source)
    if as_json:
        emit_json({"data": str(data.absolute())})
        return
    note(words()("broker.restored", data=data))


@cli.command("migrate", help="broker.migrate")
@_data
@_database
@common_options
def migrate(data: Path, database: str | None, as_json: bool) -> None:
    from broker.store import schema
    from protocol.drivers.locks import locked

    _quiet()
    config = load_config(data, database=database)
    with locked(config.data / "lock", 1.0):
        before, after = schema.upgrade(config.database_url)
    if as_json:
        emit_json({"before": before, "after": after})
        return
    say(words()("broker.migrated", before=before or words()("broker.none"), after=after))


cli.add_command(mail)
cli.add_command(webhook)
cli.add_command(outgoing)
cli.add_command(connector)


def _listen_address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65_535:
        raise RelevoError(Code.USAGE, f"--listen takes HOST:PORT, not {text[:100]!r}")
    return host, int(port)


def _quiet() -> None:
    from broker import logs

    logs.configure(logging.ERROR)


def main() -> None:
    """Entry point."""
    os.umask(0o077)
    sys.exit(run(cli, broker_words.TABLE, outgoing_words.TABLE, connector_words.TABLE))


if __name__ == "__main__":
    main()
