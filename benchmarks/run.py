"""``make bench``: every row beside its peer, a table, and ``benchmarks/results.jsonl``.

``python -m benchmarks.run [ROW …]`` runs only some. Everything is on loopback and in temporary folders.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback

from benchmarks import idle_agent, measure
from benchmarks.lab import Lab

ROWS = {
    "request": "benchmarks.request",
    "diagnose-process": "benchmarks.diagnose_process",
    "bulk": "benchmarks.bulk",
    "relay": "benchmarks.relay",
    "broker-idle": "benchmarks.broker_idle",
    "screenshot": "benchmarks.screenshot",
    "bundle": "benchmarks.bundle",
    "log-search": "benchmarks.log_search",
    "log-append": "benchmarks.log_append",
    "audit-verify": "benchmarks.audit_verify",
    "sla-recompute": "benchmarks.sla_recompute",
    "desk-lists": "benchmarks.desk_lists",
    "knowledge-search": "benchmarks.knowledge_search",
    "reports": "benchmarks.report_figures",
}


IDLE = "idle-agent"
"""Watched in the background from the beginning, reported last."""


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in (*ROWS, IDLE)]
    if unknown:
        print(f"no such row: {', '.join(unknown)}; there are {', '.join((*ROWS, IDLE))}", file=sys.stderr)
        return 2
    lab = Lab()
    rows: list[measure.Row] = []
    failed = False
    try:
        watch = idle_agent.Watch(lab) if not names or IDLE in names else None
        for name in [name for name in names or ROWS if name != IDLE]:
            began = time.monotonic()
            try:
                rows += importlib.import_module(ROWS[name]).measure(lab)
            except measure.PeerMissingError as missing:
                print(f"{name}: not measured, there is no {missing} here", file=sys.stderr)
            except Exception:  # one row that fails must not hide the others
                traceback.print_exc()
                failed = True
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if watch is not None:
            rows += watch.rows()
    finally:
        lab.close()
    facts = measure.machine_facts()
    print(", ".join(f"{key} {value}" for key, value in facts.items() if key != "name"))
    measure.show(rows)
    measure.write_results(facts, rows)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
