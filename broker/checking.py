"""``relevo-broker check``: what is sound and what is not, one line each. Changes nothing."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from broker import setup, tls
from broker.config import Config
from broker.keys import Identity, load_identity
from broker.outgoing.queue import figures as queue_figures
from broker.outgoing.settings import SettingsFiles
from broker.publishing import ROOT, SNAPSHOT
from broker.repository import Repository
from broker.store import schema
from broker.store.databases import make_engine
from broker.store.log import Runs, last_written, verify_stored
from broker.store.tables import meta
from protocol.errors import Code, RelevoError
from protocol.wire import Wire

MIN_FREE = 512 << 20
WARN_EXPIRY = timedelta(days=30)
CLOCK_SLACK = timedelta(minutes=5)


class Finding(Wire, frozen=True):
    """One line of the result. ``code`` is the error where something is wrong."""

    check: str
    ok: bool
    detail: str
    code: Code | None = None


def check(config: Config, now: datetime) -> list[Finding]:
    """Look at everything; a part that fails does not stop the others."""
    steps: tuple[tuple[str, Callable[[Config, datetime], str]], ...] = (
        ("config", _config),
        ("certificate", _certificate),
        ("files", _files),
        ("store", _store),
        ("log", _log),
        ("repository", _repository),
        ("outgoing", _outgoing),
        ("clock", _clock),
        ("disk", _disk),
    )
    return [_run(name, step, config, now) for name, step in steps]


def _run(name: str, step: Callable[[Config, datetime], str], config: Config, now: datetime) -> Finding:
    try:
        return Finding(check=name, ok=True, detail=step(config, now))
    except RelevoError as error:
        return Finding(check=name, ok=False, detail=error.detail, code=error.code)
    except DBAPIError as error:
        return Finding(check=name, ok=False, detail=str(error.orig)[:200], code=Code.CANNOT_RECORD)


def _config(config: Config, now: datetime) -> str:
    load_identity(config)
    setup.read_pairing(config)
    return config.url


def _certificate(config: Config, now: datetime) -> str:
    tls.server_context(config.certificate, config.certificate_key)
    ends = tls.expiry(config.certificate)
    if ends - now < WARN_EXPIRY:
        raise RelevoError(Code.DOCUMENT_EXPIRED, f"the certificate ends {ends:%Y-%m-%d}")
    return f"sha256 {tls.fingerprint(config.certificate)}, until {ends:%Y-%m-%d}"


def _files(config: Config, now: datetime) -> str:
    """Nobody else may read keys, database or pairing secret."""
    count = 0
    for path in _private(config):
        count += 1
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise RelevoError(Code.REFUSED, f"{path} is open to other users of this machine")
    return f"{count} private files"


def _private(config: Config) -> Iterator[Path]:
    yield config.data
    yield from sorted(config.keys.glob("*"))
    yield from sorted((config.data / "outgoing").glob("*.json"))
    for path in (config.certificate_key, config.pairing, config.settings_file, config.data / "broker.db"):
        if path.exists():
            yield path


def _query(config: Config, query: Callable[[Connection], Any]) -> Any:
    engine = make_engine(config.database_url, writer=False)
    try:
        with engine.begin() as conn:
            return query(conn)
    finally:
        engine.dispose()


def _store(config: Config, now: datetime) -> str:
    schema.require_current(config.database_url)
    result = _query(config, lambda conn: conn.execute(text("PRAGMA integrity_check(1)")).scalar_one())
    if result != "ok":
        raise RelevoError(Code.CANNOT_RECORD, str(result)[:200])
    return f"schema {schema.head()}, intact"


def _log(config: Config, now: datetime) -> str:
    identity: Identity = load_identity(config)
    runs = Runs()
    _query(config, lambda conn: verify_stored(conn, identity.log, runs))
    return f"{runs.size} entries match the signed checkpoint"


def _repository(config: Config, now: datetime) -> str:
    rows = _query(config, lambda conn: conn.execute(select(meta.c.key, meta.c.value)).all())
    state = {row.key: row.value for row in rows}
    if SNAPSHOT not in state:
        return "not paired with an organisation yet"
    repository = Repository(config.repository, load_identity(config))
    repository.load(int(state[ROOT]), int(state[SNAPSHOT]))
    current = repository.current
    assert current is not None  # noqa: S101 - load() sets it
    ends = current.accepted.root.expires
    if ends <= now:
        raise RelevoError(Code.DOCUMENT_EXPIRED, f"the root expired {ends:%Y-%m-%d}")
    roster = current.accepted.organisation.roster
    return f"{roster.org}, targets {current.targets_version}, {len(roster.technicians)} people"


def _outgoing(config: Config, now: datetime) -> str:
    """Mail and webhooks; what was given up is for the administrator to look at, not a fault of the broker."""
    settings = SettingsFiles(config.data).read()
    waits = _query(config, queue_figures)
    mail = f"mail through {settings.mail.host}" if settings.mail else "no mail"
    return f"{mail}, {len(settings.webhooks)} webhooks, {waits.queued} wait, {waits.failed} failed"


def _clock(config: Config, now: datetime) -> str:
    last = _query(config, last_written)
    if last is not None and last > now + CLOCK_SLACK:
        raise RelevoError(Code.STALE_TRUST, f"the clock says {now:%F %T}, the log was written {last:%F %T}")
    return f"{now:%F %T} UTC"


def _disk(config: Config, now: datetime) -> str:
    free = shutil.disk_usage(config.data).free
    if free < MIN_FREE:
        raise RelevoError(Code.CANNOT_RECORD, f"{free >> 20} MiB free")
    return f"{free >> 20} MiB free"
