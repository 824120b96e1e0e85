"""A user runs a fix as root without a technician: the helper reads the mark itself, from its own pin."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.fixes.gate import OwnPapers
from agent.helper import messages
from agent.helper.client import HelperDesk
from protocol import ids
from protocol.assist import FixPlan, FixRun, Planned
from protocol.documents import PROTOCOL_VERSION, FixRequest, SelfServiceOrder
from protocol.dsse import seal
from protocol.errors import Code
from protocol.sshkeys import KeySigner
from tests.integration.test_root_helper import LyingDesk, fix_folder, mark
from tests.support.fixing import AGENT_KEY, code_of, key, parameters
from tests.support.helping import HelperWorld

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the root helper runs as root")
RUN = ids.new_grant_id()


def published(made: HelperWorld, version: int, mark_line: str) -> None:
    changes = {
        'run_as = "root"\n': f'run_as = "root"\n{mark_line}',
        "version = 1": f"version = {version}",
        'name = "mark", type = "path"': f'name = "mark", type = "path", pattern = "{made.folder}/ground/mark"',
        'name = "how", type = "string"': 'name = "how", type = "string", pattern = "[a-z]*"',
    }
    made.publish(fix_folder(made, **changes))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[HelperWorld]:
    made = HelperWorld(tmp_path)
    published(made, 1, "self_service = true\n")
    desk = made.connect()
    yield made
    await desk.close()


def papers(world: HelperWorld, signer: KeySigner = AGENT_KEY, **changes: Any) -> OwnPapers:
    order = SelfServiceOrder(
        version=PROTOCOL_VERSION,
        org=world.machine.org,
        customer=world.machine.customer,
        agent=world.machine.agent,
        agent_key=signer.public_key.text,
        run=RUN,
        begun=world.now,
        until=world.now + timedelta(hours=1),
    )
    return OwnPapers(seal(msgspec.structs.replace(order, **changes), signer))


def wanted(world: HelperWorld) -> FixPlan:
    return FixPlan(fix="count", params=parameters(mark=str(mark(world))))


def request(planned: Planned, signer: KeySigner = AGENT_KEY) -> Any:
    asked = FixRequest(
        version=PROTOCOL_VERSION,
        grant=RUN,
        sequence=planned.sequence,
        challenge=planned.challenge,
        fix=planned.fix,
        fix_version=planned.fix_version,
        fix_sha256=planned.fix_sha256,
        params_sha256=planned.params_sha256,
        plan_sha256=planned.plan_sha256,
        mode="apply",
    )
    return seal(asked, signer)


async def test_a_marked_root_fix_runs_for_the_machines_user(world: HelperWorld) -> None:
    desk: HelperDesk = world.desk  # type: ignore[assignment]
    planned = await desk.plan(papers(world), wanted(world), world.watcher)
    run = FixRun(request=request(planned), params=wanted(world).params)
    done = await desk.run(papers(world), run, world.watcher)
    assert (done.state, done.run_as, done.technician) == ("succeeded", "root", None)
    assert mark(world).exists()
    assert await code_of(desk.run(papers(world), run, world.watcher)) is Code.REPLAYED


async def test_a_turned_worker_gets_nothing_that_is_not_marked_and_nothing_by_forged_papers(
    world: HelperWorld,
) -> None:
    liar = LyingDesk(world.data, world.membership, world.trust, world.machine, lambda: world.now)
    plan = messages.DoPlan(wanted=wanted(world))
    try:
        wrong = [
            (papers(world, key("worker")), Code.IDENTITY_MISMATCH),
            (papers(world, key("worker"), agent_key=AGENT_KEY.public_key.text), Code.SIGNATURE_INVALID),
            (papers(world, customer="other"), Code.IDENTITY_MISMATCH),
            (papers(world, until=world.now), Code.SESSION_ENDED),
        ]
        for forged, code in wrong:
            assert await code_of(liar.hand(forged, plan, world.watcher)) is code  # type: ignore[arg-type]
        published(world, 2, "")
        world.trust.refresh()
        newest = messages.DoPlan(wanted=msgspec.structs.replace(wanted(world), fix_version=2))
        assert await code_of(liar.hand(papers(world), newest, world.watcher)) is Code.REFUSED  # type: ignore[arg-type]
    finally:
        await liar.close()
    assert not mark(world).exists()
