"""A turned broker talks nonsense on a machine's control link. The machine shrugs and comes back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import msgspec
import psutil
import pytest

from agent import identity
from agent.folder import Folder
from agent.journal import Journal
from protocol import link
from protocol.audit import Action
from protocol.envelope import Envelope
from protocol.errors import Code
from protocol.ids import new_grant_id
from protocol.tickets import State
from protocol.wire import facts, to_msgpack
from tests.evil.broker import EvilWorld, Honest, agent_of, require_clean, signer_of, taken_ticket
from tests.evil.front import ControlLink, Frame
from tests.support.world import Machine, Person, wait_until

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u009b31m\r\nAllow? yes\x00"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def machine(world: EvilWorld) -> Machine:
    return world.machine()


@pytest.fixture(scope="module")
def ticket(ana: Person, machine: Machine) -> str:
    return taken_ticket(ana, machine)


FRAMES: dict[str, tuple[Frame, ...]] = {
    "text": ("hello",),
    "msgpack bomb": (b"\xdf\xff\xff\xff\xff",),
    "nesting": (b"\x91" * 60_000,),
    "unknown tag": (msgspec.msgpack.encode({"type": "run-command", "argv": ["rm", "-rf", "/"]}),),
    "unknown field": (
        msgspec.msgpack.encode({"type": "end", "grant": new_grant_id(), "why": "technician", "really": True}),
    ),
    "path as grant": (
        msgspec.msgpack.encode({"type": "end", "grant": "../../../etc/passwd", "why": "technician"}),
    ),
    "message of an agent": (link.Ping(),),
    "second welcome": (link.Welcome(at=NOW, journal_sequence=0),),
    "over the limit": (b"\x00" * (link.MAX_MESSAGE + 1),),
    "an offer that holds no grant": (
        link.Offer(
            grant=Envelope(payload_type="application/vnd.relevo.grant.v1+json", payload=b"{}", signatures=()),
            ticket_title="x",
        ),
    ),
}


def settled(world: EvilWorld, machine: Machine) -> ControlLink:
    """A link old enough for the next attempt to follow its loss at once."""
    control = world.evil.link(agent_of(machine))
    wait_until("the link to settle", lambda: time.monotonic() - control.born > 2.2)
    return control


@pytest.mark.parametrize("what", FRAMES)
def test_nonsense_costs_the_link_and_the_machine_comes_back(
    world: EvilWorld, bystander: Honest, machine: Machine, what: str
) -> None:
    control = settled(world, machine)
    assert machine.running is not None
    pid = machine.running.process.pid

    control.send(*FRAMES[what])

    wait_until("the link to be dropped", lambda: control.closed)
    assert world.evil.link(agent_of(machine)) is not control
    wait_until("the agent to be online", machine.online)
    assert machine.running.process.pid == pid
    assert "Traceback" not in machine.running.text()
    bystander.require_undisturbed()


def test_messages_about_what_is_not_there_change_nothing(
    world: EvilWorld, bystander: Honest, machine: Machine
) -> None:
    control = world.evil.link(agent_of(machine))
    nobody = new_grant_id()

    control.send(
        link.End(grant=nobody, why=link.EndReason.TECHNICIAN),
        link.Join(grant=nobody, leg=1, token="cd" * 32),
        link.Done(ref=4_000),
        link.TicketMade(ref=77, ticket="T-9"),
        link.Tickets(ref=78, rows=()),
        link.Failure(ref=79, code=Code.REFUSED),
        link.RepositoryChanged(),
        link.Pong(at=NOW),
    )

    found = wait_until(
        "the answer to the join",
        lambda: [m for m in list(control.heard) if isinstance(m, link.SessionEnded) and m.grant == nobody],
    )
    assert found[0].why is link.EndReason.AGENT_FAILED
    assert not control.closed
    assert machine.online()
    bystander.require_undisturbed()


def test_a_flood_of_nonsense_does_not_grow_the_agent(world: EvilWorld, machine: Machine) -> None:
    assert machine.running is not None
    process = psutil.Process(machine.running.process.pid)
    control = world.evil.link(agent_of(machine))
    pong = to_msgpack(link.Pong(at=NOW))
    control.send(*[pong] * 200)
    before = process.memory_info().rss

    for _ in range(10):
        control.send(*[pong] * 300, *[link.TicketMade(ref=n, ticket="T-9") for n in range(300)])
    ticket = machine.ask("are you still there")

    assert ticket.startswith("T-")
    assert process.memory_info().rss - before < 16 << 20


def test_forged_offers_by_the_hundred_start_few_workers_and_leave_little_behind(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    """Each worker costs the machine a second of work: a turned broker must not have them for nothing."""
    assert machine.running is not None
    process = psutil.Process(machine.running.process.pid)
    control = world.evil.link(agent_of(machine))
    offers = [
        link.Offer(grant=world.sealed(world.grant(ana, machine, ticket)), ticket_title="x")
        for _ in range(100)
    ]
    most = 0

    control.send(*offers)

    def all_refused() -> bool:
        nonlocal most
        most = max(most, len(process.children()))
        return sum(isinstance(m, link.OfferRefused) for m in list(control.heard)) >= len(offers)

    wait_until("an answer to every offer", all_refused)
    codes = {m.code for m in list(control.heard) if isinstance(m, link.OfferRefused)}
    assert codes <= {Code.RATE_LIMITED, Code.SIGNATURE_INVALID}
    assert Code.RATE_LIMITED in codes
    assert most <= 10
    assert machine("requests", "--json").json() == []
    assert len(list((machine.data / "run").glob("worker-*"))) <= 40


def test_a_welcome_that_ends_at_once_is_not_answered_ever_faster(world: EvilWorld, machine: Machine) -> None:
    """Each connection costs the machine a signature; a broker that hangs up after Welcome gets waits
    that grow."""
    world.evil.link(agent_of(machine))

    def hang_up(agent: str, message: link.FromBroker) -> tuple[Frame, ...]:
        if agent == mine and isinstance(message, link.Welcome):
            return (message, b"\xc1")
        return (message,)

    mine = agent_of(machine)
    with world.evil.lying(to_agent=hang_up):
        world.evil.link(mine).send(b"\xc1")
        first = world.evil.links_made
        wait_until("several attempts", lambda: world.evil.links_made >= first + 3)
    wait_until("the agent to be online again", machine.online)


@pytest.mark.parametrize("heartbeat", [1e-9, float("nan"), 1e9])
def test_an_absurd_heartbeat_is_not_kept(world: EvilWorld, machine: Machine, heartbeat: float) -> None:
    mine = agent_of(machine)

    def absurd(agent: str, message: link.FromBroker) -> tuple[Frame, ...]:
        if agent == mine and isinstance(message, link.Welcome):
            told.append(agent)
            raw = msgspec.msgpack.decode(to_msgpack(message))
            return (msgspec.msgpack.encode({**raw, "heartbeat_s": heartbeat}),)
        return (message,)

    told: list[str] = []
    control = settled(world, machine)
    with world.evil.lying(to_agent=absurd):
        control.send(b"\xc1")
        wait_until("the absurd welcome", lambda: told)
    wait_until("the agent to be online again", machine.online)
    control = world.evil.link(mine)
    assert sum(isinstance(m, link.Ping) for m in list(control.heard)) < 5
    assert machine.running is not None
    assert "Traceback" not in machine.running.text()


def test_acknowledgements_of_what_was_never_sent_lose_nothing(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    """The broker claims to hold a journal that it never got; once it is honest again, it gets it all."""
    mine = agent_of(machine)

    def boast(agent: str, message: link.FromBroker) -> tuple[Frame, ...]:
        if agent == mine and isinstance(message, link.JournalAck):
            return (msgspec.structs.replace(message, sequence=1 << 53),)
        return (message,)

    control = settled(world, machine)
    with world.evil.lying(to_agent=boast):
        machine.ask("another thing")
        machine("consent", "set", "screenshot", "never")
    control.send(b"\xc1")
    wait_until("a new link", lambda: world.evil.link(mine) is not control)

    from protocol.audit import Action

    world.audited(Action.FLOOR_CHANGED, agent=mine)


def test_a_broker_that_claims_more_journal_than_there_is_gets_no_link(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    """Either it lies or the journal was lost; nothing could be recorded in either case."""
    mine = agent_of(machine)

    def boast(agent: str, message: link.FromBroker) -> tuple[Frame, ...]:
        if agent == mine and isinstance(message, link.Welcome):
            return (msgspec.structs.replace(message, journal_sequence=1 << 53),)
        return (message,)

    control = settled(world, machine)
    with world.evil.lying(to_agent=boast):
        control.send(b"\xc1")
        wait_until("the link to be given up", lambda: control.closed)
        wait_until("the machine to say so", lambda: not machine.online())
    wait_until("the machine to be back", machine.online)


def test_titles_names_and_replies_from_the_broker_cannot_dress_up_the_card(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    control = world.evil.link(agent_of(machine))
    times = {"establish_by": datetime.now(UTC) + timedelta(seconds=60)}
    envelope = world.sealed(world.grant(ana, machine, ticket, reason=HOSTILE, **times), signer_of(ana))

    def rows(agent: str, message: link.FromBroker) -> tuple[Frame, ...]:
        if not isinstance(message, link.Tickets):
            return (message,)
        reply = link.TicketReplyRow(at=NOW, by=HOSTILE, text=HOSTILE * 20)
        row = link.TicketRow(ticket="T-1", title=HOSTILE, state=State.NEW, updated=NOW, replies=(reply,))
        return (link.Tickets(ref=message.ref, rows=(row,)),)

    control.send(link.Offer(grant=envelope, ticket_title=HOSTILE))
    wait_until("the card", machine.first_request)
    require_clean(machine("requests"))
    with world.evil.lying(to_agent=rows):
        require_clean(machine("tickets"))
    machine("stop", "--all")
    require_clean(machine("receipts"))
    shown = machine("requests", "--json")
    assert json.loads(shown.out) == []


def test_a_long_journal_goes_out_in_messages_that_the_broker_takes(
    world: EvilWorld, machine: Machine
) -> None:
    """Names of files are the technician's to choose: sixty-four long ones made one message too large, which cost
    the link, and the same one again after every reconnection."""
    folder = Folder(machine.data)
    assert machine.running is not None
    machine.running.kill()
    signer, journal = identity.load(folder), Journal(folder.journal, folder.membership().agent)
    for _ in range(64):
        journal.append(signer, Action.FILE_WRITTEN, facts=facts(path="/" + "\x01" * 3_999))
    machine.start()
    wait_until("the journal to arrive", lambda: machine("status", "--json").json()["journal_waiting"] == 0)
    journal.close()
