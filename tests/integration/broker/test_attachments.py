"""Files on tickets, at the broker: who may put what where, who gets it back, and what is refused."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.conversation import attachments as rules
from protocol import ids
from protocol.api import TicketMove, TicketNew
from protocol.documents import Attachment, AttachmentFetch
from protocol.dsse import seal
from protocol.organisation import Revoked
from protocol.scopes import Clearance
from protocol.sshkeys import KeySigner
from protocol.ticket_api import AttachmentWanted
from protocol.wire import to_json
from tests.support.broker_world import Answer, World, new_key, paired
from tests.support.desk import Machine

CONTENT = b"age-encryption.org/v1 pretend"


async def enrolled(world: World, customer: str = "acme") -> Machine:
    machine = Machine(new_key(), customer)
    request = world.org.enrol_request(world.org.token(customer=customer), machine.key)
    answer = await world.call("POST", "/v1/enrol", request)
    assert answer.status == 200, answer.body
    return machine


async def ticket_of(world: World, machine: Machine | None, who: str = "toni", customer: str = "acme") -> str:
    agent = machine.agent if machine else None
    new = TicketNew(title="No imprime", agent=agent, customer=customer)
    answer = await world.call("POST", "/v1/tickets", new, await world.login(who))
    assert answer.status == 200, answer.body
    return str(answer.json["ticket"])


def signed(key: KeySigner, ticket: str, agent: str | None, now: Any, **changes: Any) -> Attachment:
    said = Attachment(
        version=1,
        attachment=ids.new_artifact_id(),
        ticket=ticket,
        agent=agent,
        technician=None,
        key=key.public_key.text,
        name="error.log",
        media_type="text/plain",
        clearance=Clearance.R1,
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        redaction=(),
        as_is=None,
        made=now,
    )
    return msgspec.structs.replace(said, **changes)


async def put(
    world: World, said: Attachment, key: KeySigner, *, token: str | None = None, content: bytes = CONTENT
) -> Answer:
    header = base64.urlsafe_b64encode(to_json(seal(said, key))).decode()
    path = f"/v1/tickets/{said.ticket}/attachments" if token else "/v1/attachments"
    return await world.call("PUT", path, content, token, headers={"relevo-manifest": header})


async def fetch(world: World, machine: Machine, artifact: str, **changes: Any) -> Answer:
    asked = AttachmentFetch(
        version=1,
        agent=machine.agent,
        attachment=artifact,
        tls_sha256=world.broker.identity.tls_sha256,
        at=world.clock.now,
    )
    key = changes.pop("key", machine.key)
    proof = seal(msgspec.structs.replace(asked, **changes), key)
    return await world.call("POST", "/v1/attachments/fetch", AttachmentWanted(proof=proof))


def files(world: World) -> list[str]:
    folder = world.broker.config.artifacts
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


async def test_a_users_file_is_an_artifact_a_row_of_the_conversation_and_one_record(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        machine, toni = await enrolled(world), await world.login("toni")
        ticket = await ticket_of(world, machine)
        said = signed(machine.key, ticket, machine.agent, world.clock.now)
        answer = await put(world, said, machine.key)
        assert (answer.status, answer.json["grant"], answer.json["sealed"]) == (200, None, True)
        again = await put(world, said, machine.key)
        assert (again.status, again.json) == (200, answer.json), "sent again after a lost answer"
        listed = await world.call("GET", f"/v1/tickets/{ticket}/artifacts", token=toni)
        assert [row["artifact"] for row in listed.json["rows"]] == [said.attachment]
        got = await world.call("GET", f"/v1/artifacts/{said.attachment}", token=toni)
        assert (got.status, got.body) == (200, CONTENT)
        records = await world.audit(await world.login("olga"), f"count=1000&ticket={ticket}")
        assert [r["action"] for r in records].count("ticket.attached") == 1


async def test_a_users_file_resumes_a_ticket_that_waits_for_the_user(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        machine, toni = await enrolled(world), await world.login("toni")
        ticket = await ticket_of(world, machine)
        await world.call("POST", f"/v1/tickets/{ticket}/take", b"{}", toni)
        await world.call("POST", f"/v1/tickets/{ticket}/pend", b'{"reason":"awaiting_user"}', toni)
        assert (
            await put(world, signed(machine.key, ticket, machine.agent, world.clock.now), machine.key)
        ).status == 200
        shown = await world.call("GET", f"/v1/tickets/{ticket}", token=toni)
        assert shown.json["ticket"]["state"] == "in-progress"


async def test_what_is_not_the_machines_own_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        machine, other = await enrolled(world), await enrolled(world)
        ticket, theirs = await ticket_of(world, machine), await ticket_of(world, other)
        now = world.clock.now
        stranger = new_key()
        cases = [
            (signed(machine.key, theirs, machine.agent, now), machine.key, "not-found"),
            (signed(machine.key, "T-999", machine.agent, now), machine.key, "not-found"),
            (signed(machine.key, theirs, other.agent, now), machine.key, "signature-invalid"),
            (
                signed(stranger, ticket, ids.agent_id(stranger.public_key.blob), now),
                stranger,
                "unauthenticated",
            ),
            (
                signed(machine.key, ticket, machine.agent, now, technician="toni"),
                machine.key,
                "identity-mismatch",
            ),
            (signed(machine.key, ticket, machine.agent, now, sha256="0" * 64), machine.key, "hash-mismatch"),
            (signed(machine.key, ticket, machine.agent, now, size_bytes=3), machine.key, "hash-mismatch"),
            (
                signed(machine.key, ticket, machine.agent, now, size_bytes=rules.MAX_BYTES + 1),
                machine.key,
                "too-large",
            ),
        ]
        for said, key, code in cases:
            answer = await put(world, said, key)
            assert answer.code == code, (said, answer.body)
        assert files(world) == []


async def test_a_revoked_machine_puts_nothing_anywhere(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        machine = await enrolled(world)
        ticket = await ticket_of(world, machine)
        world.org.revoked = Revoked(agents=(machine.agent,))
        assert (await world.publish(world.org.next(), await world.login("ada"))).status == 200
        said = signed(machine.key, ticket, machine.agent, world.clock.now)
        assert (await put(world, said, machine.key)).code == "revoked"
        assert (await fetch(world, machine, said.attachment)).code == "revoked"


async def test_nothing_is_put_on_a_ticket_that_is_over(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        machine, toni = await enrolled(world), await world.login("toni")
        ticket = await ticket_of(world, machine)
        await world.call("POST", f"/v1/tickets/{ticket}/cancel", TicketMove(reason="por error"), toni)
        said = signed(machine.key, ticket, machine.agent, world.clock.now)
        assert (await put(world, said, machine.key)).code == "ticket-closed"
        mine = msgspec.structs.replace(said, technician="toni", key=world.org.keys["toni"].public_key.text)
        assert (await put(world, mine, world.org.keys["toni"], token=toni)).code == "ticket-closed"
        assert files(world) == []


async def test_a_ticket_holds_so_many_files_and_so_many_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_OF_TICKET", 2)
    async with paired(tmp_path) as world:
        machine = await enrolled(world)
        ticket = await ticket_of(world, machine)
        codes = [
            (
                await put(world, signed(machine.key, ticket, machine.agent, world.clock.now), machine.key)
            ).status
            for _ in range(3)
        ]
        assert codes == [200, 200, 429]
        monkeypatch.setattr(rules, "MAX_OF_TICKET", 9)
        monkeypatch.setattr(rules, "MAX_TICKET_BYTES", 3 * len(CONTENT) - 1)
        last = await put(world, signed(machine.key, ticket, machine.agent, world.clock.now), machine.key)
        assert last.code == "rate-limited"
        assert len(files(world)) == 2


async def test_a_technicians_file_reaches_the_machine_that_it_was_meant_for_and_no_other(
    tmp_path: Path,
) -> None:
    async with paired(tmp_path) as world:
        machine, other, toni = await enrolled(world), await enrolled(world), await world.login("toni")
        ticket, key = await ticket_of(world, machine), world.org.keys["toni"]
        said = signed(key, ticket, machine.agent, world.clock.now, technician="toni")
        assert (await put(world, said, key, token=toni)).status == 200
        got = await fetch(world, machine, said.attachment)
        assert (got.status, got.body) == (200, CONTENT)
        assert (await fetch(world, other, said.attachment)).code == "not-found"
        assert (await fetch(world, machine, "art-" + "0" * 24)).code == "not-found"
        assert (await fetch(world, machine, said.attachment, key=other.key)).code == "signature-invalid"
        assert (await fetch(world, machine, said.attachment, tls_sha256="0" * 64)).code == "identity-mismatch"
        old = await fetch(world, machine, said.attachment, at=world.clock.now - 2 * rules.FRESH)
        assert old.code == "document-expired"
        records = await world.audit(await world.login("olga"))
        read = [r for r in records if r["action"] == "artifact.read"]
        assert [r["actor"] for r in read] == [{"kind": "user", "id": machine.agent}]


async def test_a_machine_does_not_fetch_what_its_user_sent(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        machine = await enrolled(world)
        said = signed(machine.key, await ticket_of(world, machine), machine.agent, world.clock.now)
        assert (await put(world, said, machine.key)).status == 200
        assert (await fetch(world, machine, said.attachment)).code == "not-found"


async def test_a_technician_signs_for_themselves_for_this_ticket_and_where_they_have_a_tier(
    tmp_path: Path,
) -> None:
    async with paired(tmp_path) as world:
        machine, elsewhere = await enrolled(world), await enrolled(world, "globex")
        ticket, theirs = await ticket_of(world, machine), await ticket_of(world, elsewhere, "gil", "globex")
        toni, olga, key, now = (
            await world.login("toni"),
            await world.login("olga"),
            world.org.keys["toni"],
            world.clock.now,
        )

        def mine(ticket: str = ticket, agent: str = machine.agent, **changes: Any) -> Attachment:
            return signed(key, ticket, agent, now, **{"technician": "toni", **changes})

        assert (await put(world, mine(theirs, elsewhere.agent), key, token=toni)).code == "not-found"
        assert (await put(world, mine(technician="gil"), key, token=toni)).code == "identity-mismatch"
        assert (await put(world, mine(agent=elsewhere.agent), key, token=toni)).code == "identity-mismatch"
        assert (await put(world, mine(), world.org.keys["gil"], token=toni)).code == "signature-invalid"
        assert (await put(world, mine(technician="olga"), key, token=olga)).code == "role-missing"
        assert files(world) == []


async def test_an_attachment_above_the_readers_clearance_is_not_given(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        machine, toni, gil = await enrolled(world), await world.login("toni"), await world.login("gil")
        ticket = await ticket_of(world, machine)
        said = signed(
            machine.key, ticket, machine.agent, world.clock.now, clearance=Clearance.R3, as_is="pedido"
        )
        assert (await put(world, said, machine.key)).status == 200
        assert (
            await world.call("GET", f"/v1/artifacts/{said.attachment}", token=toni)
        ).code == "tier-too-low"
        assert (await world.call("GET", f"/v1/artifacts/{said.attachment}", token=gil)).code == "not-found"
        assert (
            await world.call("GET", f"/v1/artifacts/{said.attachment}/about", token=gil)
        ).code == "not-found"


async def test_on_a_ticket_without_a_machine_colleagues_still_share_files(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni, key = await world.login("toni"), world.org.keys["toni"]
        ticket = await ticket_of(world, None)
        said = signed(key, ticket, None, world.clock.now, technician="toni")
        assert (await put(world, said, key, token=toni)).status == 200
        assert (await world.call("GET", f"/v1/artifacts/{said.attachment}", token=toni)).body == CONTENT
