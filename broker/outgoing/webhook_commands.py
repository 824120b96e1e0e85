"""`relevo-broker webhook`: where ticket events are posted to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from broker.outgoing.command_parts import (
    FILE,
    checked,
    config_of,
    data_options,
    pem,
    read_store,
    require_sent,
    show_table,
)
from broker.outgoing.settings import (
    SettingsFiles,
    Webhook,
    new_secret,
    new_webhook_id,
    require_events,
)
from protocol.drivers.terminal import Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce
from protocol.wire import to_json


@click.group("webhook", cls=Group, help="broker.webhook")
def webhook() -> None:
    """The commands below."""


@webhook.command("add", help="broker.webhook.add")
@click.argument("url")
@option("--events", default="", metavar="EVENT,…", help="broker.option.webhook-events")
@option("--customer", metavar="CUSTOMER", help="broker.option.webhook-customer")
@option("--with-text", is_flag=True, help="broker.option.with-text")
@option("--ca", type=FILE, help="broker.option.ca")
@data_options
def webhook_add(
    *,
    url: str,
    events: str,
    customer: str | None,
    with_text: bool,
    ca: Path | None,
    data: Path,
    as_json: bool,
) -> None:
    """Add a target; its secret is printed this once."""
    from broker.outgoing.webhooks import require_safe_url

    config = config_of(data)
    made = Webhook(
        id=new_webhook_id(),
        url=require_safe_url(url),
        secret=new_secret(),
        created=datetime.now(UTC),
        events=require_events(tuple(name.strip() for name in events.split(",") if name.strip())),
        customer=customer,
        with_text=with_text,
        ca=pem(ca),
    )
    SettingsFiles(config.data).add_webhook(checked(made, "webhook"))
    if as_json:
        emit_json({**_shown(made), "secret": made.secret})
        return
    note(words()("broker.webhook.added"))
    say(made.id)
    say(made.secret)


@webhook.command("list", help="broker.webhook.list")
@data_options
def webhook_list(data: Path, as_json: bool) -> None:
    """The targets, without their secrets."""
    rows = SettingsFiles(config_of(data).data).read().webhooks
    if as_json:
        emit_json([_shown(row) for row in rows])
        return
    if not rows:
        note(words()("broker.webhook.none"))
        return
    titles = words()("broker.webhook.titles").split("|")
    show_table(
        titles,
        (
            (row.id, row.url, row.customer or "*", " ".join(row.events) or "*", "+" if row.with_text else "-")
            for row in rows
        ),
    )


@webhook.command("remove", help="broker.webhook.remove")
@click.argument("webhook_id", metavar="WEBHOOK")
@data_options
def webhook_remove(webhook_id: str, data: Path, as_json: bool) -> None:
    """What still waits for it is dropped."""
    gone = SettingsFiles(config_of(data).data).remove_webhook(webhook_id)
    if as_json:
        emit_json(_shown(gone))
        return
    note(words()("broker.webhook.removed", id=gone.id))


@webhook.command("test", help="broker.webhook.test")
@click.argument("webhook_id", metavar="WEBHOOK")
@data_options
def webhook_test(webhook_id: str, data: Path, as_json: bool) -> None:
    """One signed call now."""
    from broker.outgoing.webhooks import client_context, make_client, post, trial_call

    found = _webhook(data, webhook_id)
    now, message = datetime.now(UTC), f"msg_test_{new_nonce()[:32]}"

    async def send() -> None:
        async with make_client(client_context(found.ca)) as client:
            require_sent(await post(client, found, message, to_json(trial_call(now)), now))

    asyncio.run(send())
    if as_json:
        emit_json({"sent": True, "webhook": found.id, "message": message})
        return
    note(words()("broker.webhook.sent", url=printable(found.url)))


@webhook.command("retry", help="broker.webhook.retry")
@click.argument("webhook_id", metavar="WEBHOOK")
@data_options
def webhook_retry(webhook_id: str, data: Path, as_json: bool) -> None:
    """Everything that was given up for this target."""
    from broker.outgoing import queue
    from broker.outgoing.queue_commands import MAX_SHOWN, ask_retry

    found = _webhook(data, webhook_id)
    failed = read_store(config_of(data), lambda conn: queue.listed(conn, [queue.FAILED], MAX_SHOWN))
    ask_retry(data, tuple(row.id for row in failed if row.target == found.id), as_json=as_json)


def _webhook(data: Path, id_: str) -> Webhook:
    found = SettingsFiles(config_of(data).data).read().webhook(id_)
    if found is None:
        raise RelevoError(Code.NOT_FOUND, f"webhook {id_[:40]}")
    return found


def _shown(row: Webhook) -> dict[str, object]:
    return {
        "id": row.id,
        "url": row.url,
        "events": row.events,
        "customer": row.customer,
        "with_text": row.with_text,
        "has_ca": row.ca is not None,
        "created": row.created,
    }
