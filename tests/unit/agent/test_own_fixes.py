"""A user runs an approved fix alone: only what the signed mark allows, only on this machine, only as planned."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.fixes.gate import OwnPapers
from agent.fixes.own import LONGEST
from agent.fixes.runs import Run
from protocol import ids
from protocol.assist import FixPlan, FixRun, FixUndoPlan, Planned
from protocol.documents import PROTOCOL_VERSION, FixRequest, SelfServiceOrder
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.fixes import parse_manifest
from protocol.sshkeys import KeySigner
from tests.support.fixing import AGENT, AGENT_KEY, ORG, FixWorld, code_of, key, parameters

STEP = b"""
import json, os, sys
mark = json.load(sys.stdin)["params"]["mark"]
word = sys.argv[1]
if word == "check":
    sys.exit(1 if os.path.exists(mark) else 0)
if word == "plan":
    print("make", mark)
if word == "apply":
    open(mark, "w").close()
"""
TOML = """
id = "mark"
version = 1
owner = "ops"
platforms = ["linux"]
risk = "low"
reversible = "yes"
run_as = "user"
timeout_s = 10
self_service = true
title = {{en = "t", es = "t"}}
description = {{en = "d", es = "d"}}
check = {{run = ["step.py", "check"]}}
plan = {{run = ["step.py", "plan"]}}
apply = {{run = ["step.py", "apply"]}}
snapshot = {{files = ["{{mark}}"]}}
approval = {{consent = "ask"}}
params = [{{name = "mark", type = "path", roots = ["{root}"], title = {{en = "m", es = "m"}}}}]
"""


class OwnWorld:
    """A machine whose user has no technician."""

    def __init__(self, folder: Path) -> None:
        self.world = FixWorld(folder)
        (folder / "ground").mkdir()
        self.mark = folder / "ground" / "mark"
        self.toml = TOML.format(root=folder / "ground")
        self.world.served.add(self.toml.encode(), {"step.py": STEP})
        self.order = SelfServiceOrder(
            version=PROTOCOL_VERSION,
            org=ORG,
            customer="acme",
            agent=AGENT,
            agent_key=AGENT_KEY.public_key.text,
            run=ids.new_grant_id(),
            begun=self.world.now,
            until=self.world.now + timedelta(hours=1),
        )

    def papers(self, signer: KeySigner = AGENT_KEY, **changes: Any) -> OwnPapers:
        return OwnPapers(seal(msgspec.structs.replace(self.order, **changes), signer))

    async def plan(self, papers: OwnPapers | None = None, fix: str = "mark") -> Planned:
        wanted = FixPlan(fix=fix, params=parameters(mark=str(self.mark)))
        return await self.world.desk.plan(papers or self.papers(), wanted, self.world.watcher)

    def request(
        self, planned: Planned, signer: KeySigner = AGENT_KEY, mode: str = "apply", **changes: Any
    ) -> Envelope:
        request = FixRequest(
            version=PROTOCOL_VERSION,
            grant=self.order.run,
            sequence=planned.sequence,
            challenge=planned.challenge,
            fix=planned.fix,
            fix_version=planned.fix_version,
            fix_sha256=planned.fix_sha256,
            params_sha256=planned.params_sha256,
            plan_sha256=planned.plan_sha256,
            mode=mode,
        )
        return seal(msgspec.structs.replace(request, **changes), signer)

    async def run(self, envelope: Envelope, papers: OwnPapers | None = None) -> Run:
        wanted = FixRun(request=envelope, params=parameters(mark=str(self.mark)))
        return await self.world.desk.run(papers or self.papers(), wanted, self.world.watcher)


@pytest.fixture
def own(tmp_path: Path) -> OwnWorld:
    return OwnWorld(tmp_path)


async def test_a_user_plans_runs_and_undoes_a_marked_fix(own: OwnWorld) -> None:
    planned = await own.plan()
    assert planned.plan.startswith("make")
    done = await own.run(own.request(planned))
    assert (done.state, done.ticket, done.technician) == ("succeeded", None, None)
    assert own.mark.exists()
    back = await own.world.desk.plan_undo(own.papers(), FixUndoPlan(fix="mark"), own.world.watcher)
    assert (await own.run(own.request(back, mode="undo"))).state == "undone"
    assert not own.mark.exists()


async def test_a_fix_without_the_mark_is_refused_whatever_else_holds(own: OwnWorld) -> None:
    plain = own.toml.replace("self_service = true", "").replace('"mark"\nversion', '"plain"\nversion')
    own.world.served.add(plain.encode(), {"step.py": STEP})
    assert await code_of(own.plan(fix="plain")) is Code.REFUSED
    newer = own.toml.replace("self_service = true", "self_service = false").replace("= 1\n", "= 2\n", 1)
    planned = await own.plan()
    own.world.served.add(newer.encode(), {"step.py": STEP})
    assert await code_of(own.plan()) is Code.REFUSED
    own.world.served.held.pop(0)
    assert await code_of(own.run(own.request(planned))) is Code.NOT_FOUND
    assert not own.mark.exists()


async def test_papers_of_another_machine_time_or_place_open_nothing(own: OwnWorld) -> None:
    now, mallory = own.world.now, key("mallory")
    wrong = [
        (own.papers(mallory), Code.SIGNATURE_INVALID),
        (own.papers(mallory, agent_key=mallory.public_key.text), Code.IDENTITY_MISMATCH),
        (own.papers(agent_key=key("ana").public_key.text), Code.IDENTITY_MISMATCH),
        (own.papers(org="org-" + "b" * 32), Code.IDENTITY_MISMATCH),
        (own.papers(customer="other"), Code.IDENTITY_MISMATCH),
        (own.papers(agent="ag-" + "b" * 32), Code.IDENTITY_MISMATCH),
        (own.papers(until=now), Code.SESSION_ENDED),
        (own.papers(begun=now + timedelta(minutes=5)), Code.SESSION_ENDED),
        (own.papers(until=now + LONGEST + timedelta(seconds=1)), Code.SESSION_ENDED),
    ]
    for papers, code in wrong:
        assert await code_of(own.plan(papers)) is code
    own.world.served.revoke(agents=(AGENT,))
    assert await code_of(own.plan()) is Code.REVOKED


async def test_a_revoked_fix_is_not_run(own: OwnWorld) -> None:
    request = own.request(await own.plan())
    own.world.served.revoke(fixes=("mark",))
    assert await code_of(own.run(request)) in (Code.REVOKED, Code.NOT_FOUND)
    assert not own.mark.exists()


async def test_requests_are_the_machines_own_and_work_once(own: OwnWorld) -> None:
    planned = await own.plan()
    for signer in (key("ana"), key("mallory")):
        assert await code_of(own.run(own.request(planned, signer))) is Code.SIGNATURE_INVALID
    changed = own.request(planned, plan_sha256="0" * 64)
    assert await code_of(own.run(changed)) is Code.HASH_MISMATCH
    foreign = own.papers(run=ids.new_grant_id())
    assert await code_of(own.run(own.request(planned), foreign)) is Code.IDENTITY_MISMATCH
    request = own.request(planned)
    await own.run(request)
    own.mark.unlink()
    assert await code_of(own.run(request)) is Code.REPLAYED
    assert not own.mark.exists()


async def test_the_machines_key_signs_nothing_in_a_technicians_session(own: OwnWorld) -> None:
    planned = await own.world.plan("mark", mark=str(own.mark))
    envelope = own.world.request(planned, signers=(AGENT_KEY,))
    assert await code_of(own.world.run_request(envelope, mark=str(own.mark))) is Code.SIGNATURE_INVALID


async def test_one_run_of_self_service_does_not_undo_anothers(own: OwnWorld) -> None:
    await own.run(own.request(await own.plan()))
    other = own.papers(run=ids.new_grant_id())
    wanted = FixUndoPlan(fix="mark")
    assert await code_of(own.world.desk.plan_undo(other, wanted, own.world.watcher)) is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('risk = "low"', 'risk = "medium"'),
        ('consent = "ask"', 'consent = "none"'),
        ('consent = "ask"', 'consent = "ask", approvers = 1'),
        ('consent = "ask"', 'consent = "ask", min_tier = 2'),
        ('run_as = "user"', 'run_as = "root"'),
    ],
)
def test_a_mark_on_what_users_must_not_run_alone_is_no_manifest(own: OwnWorld, old: str, new: str) -> None:
    with pytest.raises(RelevoError, match="self_service"):
        parse_manifest(own.toml.replace(old, new).encode(), {"step.py": STEP})


@pytest.mark.parametrize(
    ("type_", "bounds", "taken"),
    [
        ("int", "", False),
        ("int", "min = 0, ", False),
        ("duration", "max = 3600, ", False),
        ("int", "min = 0, max = 9, ", True),
        ("duration", "min = 60, max = 3600, ", True),
    ],
)
def test_as_root_a_number_has_both_its_ends(own: OwnWorld, type_: str, bounds: str, taken: bool) -> None:
    number = (
        f'params = [{{name = "n", type = "{type_}", {bounds}title = {{en = "n", es = "n"}}}}, {{name = "mark"'
    )
    toml = own.toml.replace('run_as = "user"', 'run_as = "root"')
    toml = toml.replace('type = "path"', 'type = "path", pattern = "/srv/one"')
    toml = toml.replace('params = [{name = "mark"', number)
    if taken:
        assert parse_manifest(toml.encode(), {"step.py": STEP}).self_service
        return
    with pytest.raises(RelevoError, match="min and max"):
        parse_manifest(toml.encode(), {"step.py": STEP})


def test_as_root_every_value_is_one_that_the_signer_named(own: OwnWorld) -> None:
    root = own.toml.replace('run_as = "user"', 'run_as = "root"')
    with_pattern = root.replace('type = "path"', 'type = "path", pattern = "/srv/one"')
    assert parse_manifest(with_pattern.encode(), {"step.py": STEP}).self_service
