"""What was done in a session is written back into the real Request Tracker, by ids and hashes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

from protocol import link
from protocol.audit import Action
from protocol.wire import facts
from tests.peers.rt_instance import RequestTracker
from tests.support.bridge import connected, settings_of
from tests.support.desk import desk

CONTENT = b'{"host": "secret-host"}'


async def test_the_evidence_of_a_session_is_written_back(rt: RequestTracker, tmp_path: Path) -> None:
    async with (
        desk(tmp_path / "broker") as site,
        connected(site.world, settings_of(rt.url, rt.token_file)) as bridge,
    ):
        await bridge.look()
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        await bridge.look()
        remote = await bridge.remote_of(ticket)
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, ticket)
            manifest = machine.manifest(grant, CONTENT, site.now)
            assert (await site.upload(machine, manifest, CONTENT)).status == 200
            stated = facts(fix="clean-disk", fix_version="1.0.0", run="run-1", state="succeeded")
            entry = machine.entry(Action.FIX_DONE, site.now, grant=grant.grant, ticket=ticket, facts=stated)
            await control.send(link.Journal(entries=(entry,)))
            await control.expect(link.JournalAck)
            token = await site.world.login("toni")
            ended = await site.call("POST", f"/v1/sessions/{grant.grant}/end", b"{}", token)
            assert ended.status == 200, ended.body
        await bridge.resolve(ticket)
        await bridge.looks(3)
        comments = await asyncio.to_thread(rt.of_kind, remote, "Comment", by="relevo")
        assert len(comments) == 2, "one when the session ended, one when the ticket was resolved"
        text = await asyncio.to_thread(rt.words, comments[-1]["id"])
        digest = hashlib.sha256(CONTENT).hexdigest()
        for wanted in (
            grant.grant,
            "diagnose, logs",
            "clean-disk@1.0.0: succeeded",
            manifest.artifact,
            digest,
        ):
            assert wanted in text, wanted
        kept = json.loads(text[text.index('{"ticket"') :].strip())
        assert kept["ticket"] == ticket and kept["sessions"][0]["why"] == "technician"
        checkpoint = await site.call("GET", "/v1/audit/checkpoint", token=token)
        size = int(checkpoint.body.splitlines()[1])
        assert 0 < kept["log_index"] < kept["checkpoint_size"] <= size
        assert len(bytes.fromhex(kept["checkpoint_root"])) == 32
        assert "secret-host" not in text
        assert rt.status(remote) == "resolved"
