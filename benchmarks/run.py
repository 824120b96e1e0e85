"""``make bench``: every row beside its peer, a table, and ``benchmarks/results.jsonl``.

``python -m benchmarks.run [ROW …]`` runs only some. Everything is on loopback and in temporary folders.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback

from benchmarks import measure
from benchmarks.lab import Lab

ROWS = {
    "request": "benchmarks.request",
    "diagnose-process": "benchmarks.diagnose_process",
    "bulk": "benchmarks.bulk",
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        print(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    lab = Lab()
    rows: list[measure.Row] = []
    failed = False
    try:
        for name in names or ROWS:
            began = time.monotonic()
            try:
                rows += importlib.import_module(ROWS[name]).measure(lab)
            except measure.PeerMissingError as missing:
                print(f"{name}: not measured, there is no {missing} here", file=sys.stderr)
            except Exception:  # one row that fails must not hide the others
                traceback.print_exc()
                failed = True
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    finally:
        lab.close()
    facts = measure.machine_facts()
    print(", ".join(f"{key} {value}" for key, value in facts.items() if key != "name"))
    measure.show(rows)
    measure.write_results(facts, rows)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
