"""The process that counts tickets for one report: an order on stdin, what was counted on stdout, and it ends.

It reads the database and writes nothing; it goes at once when its broker has gone.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading

from broker.reports.counting import Counted, Counting, Order
from broker.reports.histories import TICKETS_AT_ONCE, histories
from broker.reports.process import LENGTH_BYTES
from broker.sla.promises import Promises
from broker.store.databases import make_engine
from protocol.wire import from_json, to_json

MAX_MEMORY = 2 << 30
"""Of address space; a report of 500,000 tickets needs a fifth of it."""
ORPHANED = 3
"""The exit status when the broker is gone."""


def counted(order: Order) -> Counted:
    """In short reads: on a rollback journal a writer waits for every reader."""
    engine = make_engine(order.url, writer=False)
    counting = Counting(order.about, Promises(order.desk))
    try:
        for first in range(0, len(order.numbers), TICKETS_AT_ONCE):
            with engine.begin() as conn:
                found = histories(conn, order.numbers[first : first + TICKETS_AT_ONCE])
            counting.block(*found)
        return counting.counted()
    finally:
        engine.dispose()


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    # Nothing here is made in circles: to look for them would cost a fifth of the time.
    gc.disable()
    # What anything else says (a log line) is no part of the answer.
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    order = from_json(_exactly(int.from_bytes(_exactly(LENGTH_BYTES), "big")), Order)
    threading.Thread(target=_end_with_the_broker, daemon=True).start()
    with answer:
        answer.write(to_json(counted(order)))


def _exactly(size: int) -> bytes:
    said = sys.stdin.buffer.read(size)
    if len(said) < size:
        os._exit(ORPHANED)
    return said


def _end_with_the_broker() -> None:
    """Nothing more comes on stdin; its end does, when the broker has ended in whatever way."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(ORPHANED)


if __name__ == "__main__":
    main()
