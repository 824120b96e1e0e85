"""Collector ``printing``: CUPS queues, through ``lpstat``. Titles of jobs are never read."""

from __future__ import annotations

import re

from agent.collectors.base import Context, NotApplicable
from protocol.diagnosis import Cell, FactClass, Output, Status, fact, table

_PRINTER = re.compile(r"^printer (?P<name>\S+) (?P<words>.*)$")
_ACCEPTS = re.compile(r"^(?P<name>\S+) (?P<no>not )?accepting requests")
_JOB = re.compile(r"^(?P<queue>\S+)-(?P<number>\d+)\s+(?P<user>\S+)\s+(?P<size>\d+)\s")
_MAX_JOBS = 100


def printing(context: Context) -> Output:
    """Whether the scheduler runs, each queue's state, and jobs that wait."""
    scheduler = context.run("lpstat", "-r", timeout_s=4)
    if scheduler is None:
        raise NotApplicable("no-printing")
    running = "scheduler is running" in scheduler.text
    if not running:
        return Output(
            status=Status.PARTIAL,
            reason="scheduler-stopped",
            facts=(fact("scheduler_running", False),),
        )
    listed = context.run("lpstat", "-p", timeout_s=4)
    accepting = context.run("lpstat", "-a", timeout_s=4)
    waiting = context.run("lpstat", "-o", timeout_s=4)
    queues = parse_queues(listed.text if listed else "", accepting.text if accepting else "")
    jobs = parse_jobs(waiting.text if waiting else "")
    return Output(
        facts=(
            fact("scheduler_running", True),
            fact("queue_count", len(queues)),
            fact("disabled_count", sum(1 for row in queues if row[1] is False)),
            fact("rejecting_count", sum(1 for row in queues if row[3] is False)),
            fact("job_count", len(jobs)),
        ),
        tables=(
            table("queues", (("queue", FactClass.NETWORK), "enabled", "state", "accepting"), queues),
            table(
                "jobs",
                (("queue", FactClass.NETWORK), "job", ("user", FactClass.PERSON), "size_bytes"),
                jobs,
                limit=_MAX_JOBS,
            ),
        ),
    )


def parse_queues(printers: str, accepting: str) -> list[tuple[Cell, ...]]:
    """Queue, enabled, state and accepting, of ``lpstat -p`` and ``lpstat -a``."""
    accepts = {
        found["name"]: found["no"] is None
        for line in accepting.splitlines()
        if (found := _ACCEPTS.match(line))
    }
    rows: list[tuple[Cell, ...]] = []
    for line in printers.splitlines():
        found = _PRINTER.match(line)
        if found:
            words = found["words"]
            state = (
                "disabled" if words.startswith("disabled") else "idle" if "is idle" in words else "printing"
            )
            rows.append((found["name"], state != "disabled", state, accepts.get(found["name"])))
    return rows


def parse_jobs(text: str) -> list[tuple[Cell, ...]]:
    """Queue, number, user and size of each line of ``lpstat -o``."""
    return [
        (found["queue"], int(found["number"]), found["user"], int(found["size"]))
        for line in text.splitlines()
        if (found := _JOB.match(line))
    ]
