"""How often services were started again, remembered between samples."""

from __future__ import annotations

from agent.durable import Database
from agent.folder import Folder
from agent.services import Service, State

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS service (name TEXT PRIMARY KEY, boot TEXT NOT NULL, pid INTEGER NOT NULL, "
    "restarts INTEGER NOT NULL)",
)
_MOST = 2_000


def count(folder: Folder, boot: str, found: list[Service]) -> dict[str, int]:
    """How often each running service was started again since the machine was.

    The manager's own count where it keeps one; else one more whenever the process is another than at the last
    look, so that a loop between two looks counts as one.

    Args:
        boot: names the present run of the machine; in another one every process is another.

    Raises:
        RelevoError: ``cannot-record``.
    """
    database = Database(folder.trends, SCHEMA)
    try:
        with database.transaction() as tx:
            known = {
                row[0]: row[1:]
                for row in tx.execute("SELECT name, pid, restarts FROM service WHERE boot = ?", (boot,))
            }
            counts, rows = {}, []
            for service in found[:_MOST]:
                if service.restarts is not None:
                    counts[service.name] = service.restarts
                elif service.state is State.RUNNING and service.pid is not None:
                    pid, before = known.get(service.name, (service.pid, 0))
                    counts[service.name] = before + int(pid != service.pid)
                    rows.append((service.name, boot, service.pid, counts[service.name]))
            tx.execute("DELETE FROM service WHERE boot <> ?", (boot,))
            tx.executemany("INSERT OR REPLACE INTO service VALUES (?, ?, ?, ?)", rows)
        return counts
    finally:
        database.close()
