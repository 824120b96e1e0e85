"""The quick client against a holder that refuses at once."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from protocol import assist
from protocol.drivers.files import socket_address
from protocol.errors import Code, RelevoError
from protocol.frames import frame
from protocol.ids import new_grant_id
from protocol.wire import to_msgpack
from technician.assist import exchange
from technician.held import HeldRecord, HeldSession

TRIES = 100
"""One of so many hangs up before the request is sent; whichever it is, the refusal must be read."""


@pytest.fixture
def refusing(tmp_path: Path) -> Iterator[HeldSession]:
    record = HeldRecord(
        grant=new_grant_id(), ticket="T-1", agent="a" * 52, host_key="ssh-ed25519 x",
        scopes=(), ends=datetime.now(UTC), pid=1, process="1", up=True,
    )  # fmt: skip
    held = HeldSession(folder=tmp_path, record=record)
    with socket.socket(socket.AF_UNIX) as listening:
        with socket_address(held.socket) as address:
            listening.bind(address)
        listening.listen()
        listening.settimeout(20)
        thread = threading.Thread(target=_refuse, args=(listening,))
        thread.start()
        yield held
        thread.join()


def _refuse(listening: socket.socket) -> None:
    said = frame(to_msgpack(assist.Failed(code=Code.RATE_LIMITED)))
    for _ in range(TRIES):
        with listening.accept()[0] as connection, contextlib.suppress(ConnectionError):
            connection.sendall(said)


def test_a_refusal_is_read_also_when_the_holder_has_hung_up_before_it_was_asked(
    refusing: HeldSession,
) -> None:
    for _ in range(TRIES):
        with pytest.raises(RelevoError) as refused:
            next(exchange(refusing, assist.About(), timeout_s=20))
        assert refused.value.code is Code.RATE_LIMITED
