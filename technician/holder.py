"""``python -m technician.holder``: keeps one session open in the background.

It reads ``HolderParameters`` from stdin, checks that grant, consent, machine and key belong together,
opens relay leg 1 and logs in over it, listens on ``HOME/run/<grant>.sock`` for the quick commands, reports
one line on stdout and stays until the session's end, ``relevo session end``, or the loss of the session.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

from protocol.documents import Consent, Grant
from protocol.drivers.assist import AssistConnection, connect_assist
from protocol.drivers.files import private_folder, socket_address, write_private
from protocol.drivers.leg import LegAddress, LegTunnel
from protocol.dsse import open_envelope
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id
from protocol.link import EndReason
from protocol.sshkeys import PublicKey, Signer
from protocol.wire import from_json, to_json
from technician.held import (
    Held,
    HeldRecord,
    HolderParameters,
    NotHeld,
    Report,
    own_process,
    remove_files,
    run_folder,
)
from technician.keeper import MAX_CLIENTS, Keeper
from technician.keys import load_signer
from technician.published import Publication

_log = logging.getLogger(__name__)

_MAX_PARAMETERS = 4 << 20


def verified(parameters: HolderParameters, signer: Signer, now: datetime) -> tuple[Grant, Consent, PublicKey]:
    """Grant, consent and machine, after checking that they are one session, and ours.

    Raises:
        RelevoError: ``identity-mismatch``, ``signature-invalid``, ``hash-mismatch``, ``session-ended``.
    """
    machine = PublicKey.from_text(parameters.host_key)
    grant = open_envelope(parameters.grant, Grant, [signer.public_key])
    consent = open_envelope(parameters.consent, Consent, [machine])
    if not agent_id(machine.blob) == grant.agent == consent.agent or consent.agent_key != machine.text:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the key is not of the machine that was asked for")
    if (consent.grant, consent.grant_sha256) != (grant.grant, parameters.grant.digest):
        raise RelevoError(Code.HASH_MISMATCH, "the consent is for another grant")
    if min(grant.ends, consent.until) <= now:
        raise RelevoError(Code.SESSION_ENDED, EndReason.TIME_UP.value)
    return grant, consent, machine


async def hold(parameters: HolderParameters) -> RelevoError:
    """Open the session, report, keep it; gives why it ended.

    Raises:
        RelevoError: it did not open; nothing was reported and no file is left.
    """
    signer = await asyncio.to_thread(load_signer, parameters.key)
    grant, consent, machine = verified(parameters, signer, datetime.now(UTC))
    folder = private_folder(run_folder(Path(parameters.home)))
    keepers: list[Keeper] = []

    def link_state(up: bool) -> None:
        for keeper in keepers:
            keeper.set_up(up)

    leg = LegTunnel(LegAddress(parameters.url, parameters.token, parameters.tls_sha256), on_state=link_state)
    connection = await connect_assist(leg, user=grant.grant, key=signer, host_key=machine)
    record = _record(grant, consent)
    keeper = Keeper(folder, record, connection, Publication(parameters.url, parameters.tls_sha256).version)
    # Before anybody hears of us: whoever ends us then ends the session in order.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, keeper.end, EndReason.TECHNICIAN)
    listening = await _announce(folder, record, connection)
    keepers.append(keeper)
    return await keeper.run(listening)


def _record(grant: Grant, consent: Consent) -> HeldRecord:
    pid, process = own_process()
    return HeldRecord(
        grant=grant.grant,
        ticket=grant.ticket,
        agent=grant.agent,
        host_key=consent.agent_key,
        scopes=consent.scopes,
        ends=min(grant.ends, consent.until),
        pid=pid,
        process=process,
        up=True,
    )


async def _announce(folder: Path, record: HeldRecord, connection: AssistConnection) -> socket.socket:
    """Listen, write the record, report. A session that nobody can find or hears of is ended again."""
    try:
        listening = _listen(folder / f"{record.grant}.sock")
        write_private(folder / f"{record.grant}.json", to_json(record))
        report(Held(record=record))
    except (OSError, RelevoError) as error:
        connection.end(EndReason.TECHNICIAN)
        await connection.wait_closed()
        remove_files(folder, record.grant)
        raise RelevoError(Code.CANNOT_RECORD, str(error)) from error
    return listening


def _listen(path: Path) -> socket.socket:
    """A socket that only its owner can open."""
    listening = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            with socket_address(path) as address:
                listening.bind(address)
        finally:
            os.umask(mask)
        listening.listen(MAX_CLIENTS)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def report(said: Report) -> None:
    """One line to whoever started us, the last thing on its pipe: stdout leads nowhere from then on.

    Whoever reads the line already finds the pipes let go.

    Raises:
        OSError: nobody is there to hear it.
    """
    starter = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    with open(starter, "wb") as pipe:
        pipe.write(to_json(said) + b"\n")


def main() -> int:
    """Exit status 0 when the session was held and has ended, 1 when it could not be opened."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    os.umask(0o077)
    try:
        parameters = from_json(sys.stdin.buffer.read(_MAX_PARAMETERS), HolderParameters)
        why = asyncio.run(hold(parameters))
    except RelevoError as error:
        _log.warning("no session: %s", error)
        _try_report(NotHeld(code=error.code, detail=error.detail))
        return 1
    except Exception as error:
        _log.exception("no session")
        _try_report(NotHeld(code=Code.INTERNAL, detail=type(error).__name__))
        return 1
    _log.info("session over: %s", why)
    return 0


def _try_report(said: NotHeld) -> None:
    try:
        report(said)
    except OSError:
        _log.info("nobody waits for the report")


if __name__ == "__main__":
    sys.exit(main())
