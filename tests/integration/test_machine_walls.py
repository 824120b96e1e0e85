"""Message by message through the control link as a machine that has no business with a ticket.

One machine belongs to another customer, one to the same. Both say about the planted ticket and its session
everything that its own machine may say, signed with their own keys: nothing of it may come back, and nothing
of it may change. A kind of message that is new fails here until it is said too.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args

from websockets.exceptions import ConnectionClosed

from protocol import ids, link
from protocol.documents import Attachment, AttachmentFetch, SelfServiceRecord, UserMove, UserRating
from protocol.dsse import seal
from protocol.errors import Code
from protocol.scopes import Clearance
from protocol.ticket_api import AttachmentWanted
from protocol.trends import Kind, Reading, Sample
from protocol.wire import to_json, to_msgpack
from tests.integration.broker.test_attachments import CONTENT, signed
from tests.integration.test_customer_walls import HIGH, WORD, Site, contents, planted
from tests.support.desk import Control, Machine

OWN_BUSINESS = {link.Hello, link.Ping, link.Journal}
"""What names nothing of others; a journal's entries are filed by what is the machine's own (broker/test_links)."""


def said(site: Site, machine: Machine) -> Iterator[link.FromAgent]:
    """What the planted ticket's own machine could say, from another one."""
    assert site.grant is not None
    now, ticket, key, grant = site.desk.now, site.ticket, machine.key, site.grant.grant
    yield link.TicketsQuery(ref=1)
    yield link.ConversationQuery(ref=1, ticket=ticket)
    yield link.Seen(ref=1, ticket=ticket, index=1 << 40)
    yield link.Reply(ref=1, reply=machine.reply(ticket, "x", now))
    for move in ("resolve", "reopen", "close", "cancel"):
        moved = UserMove(
            version=1, agent=machine.agent, nonce=ids.new_nonce(), ticket=ticket, move=move, text="x", at=now
        )
        yield link.Move(ref=1, move=seal(moved, key))
    rated = UserRating(
        version=1, agent=machine.agent, nonce=ids.new_nonce(), ticket=ticket, score=1, text="x", at=now
    )
    yield link.Rate(ref=1, rating=seal(rated, key))
    yield link.Ask(ref=1, request=machine.ask("x", now, follow_up_of=ticket))
    record = SelfServiceRecord(
        version=1,
        agent=machine.agent,
        nonce=ids.new_nonce(),
        run=ids.new_grant_id(),
        category="printing",
        language="es",
        started=now - timedelta(minutes=1),
        ended=now,
        outcome="ticket",
        ticket=ticket,
    )
    yield link.SelfServed(ref=1, record=seal(record, key))
    yield link.ArticlesQuery(ref=1, words=f"{WORD} {HIGH} impresora", language="es")
    yield link.OfferShown(grant=grant)
    yield link.OfferRefused(grant=grant, code=Code.CONSENT_DENIED, refusal=None)
    yield link.SessionEnded(grant=grant, why=link.EndReason.USER_STOP)
    asked = seal(site.grant, site.desk.world.org.keys["toni"])
    yield link.ConsentGiven(grant=grant, consent=machine.consent(asked, now))
    reading = Reading(kind=Kind.DISK, subject="/", value=1, limit=2)
    yield link.Trends(samples=(Sample(sequence=1, at=now, readings=(reading,)),))


async def answers(control: Control) -> bytes:
    """All that comes back until the broker answers a ping, or ends the link."""
    heard = b""
    with contextlib.suppress(ConnectionClosed):  # a link that spoke for others may be ended
        await control.send(link.Ping())
        while not isinstance(message := await control.next(), link.Pong):
            heard += to_msgpack(message)
    return heard


async def test_a_machine_hears_and_changes_nothing_of_another_ones_ticket(tmp_path: Path) -> None:
    async with planted(tmp_path) as site:
        for customer in ("acme", "globex"):
            other, spoken = await site.desk.enrol(customer), set()
            for message in said(site, other):
                spoken.add(type(message))
                await _say(site, other, message)
            assert spoken == set(get_args(link.FromAgent)) - OWN_BUSINESS, "say it too"


async def _say(site: Site, other: Machine, message: link.FromAgent) -> None:
    async with site.desk.link(other) as control:
        assert control.welcome is not None
        assert await control.alive()
        before = await contents(site)
        await control.send(message)
        heard = await answers(control)
        for name in (WORD, HIGH, *site.names):
            assert name.encode() not in heard, message
        after = await contents(site)
        changed = {table for table in before if before[table] != after[table]}
        assert changed <= {"agents"}, (type(message), changed)


async def test_a_machine_puts_nothing_on_another_ones_ticket_and_fetches_nothing_from_it(
    tmp_path: Path,
) -> None:
    async with planted(tmp_path) as site:
        toni, now, own = site.desk.world.org.keys["toni"], site.desk.now, site.machine.agent
        others = [await site.desk.enrol(customer) for customer in ("acme", "globex")]

        async def put(path: str, document: Attachment, key: object, token: str | None = None) -> str:
            header = base64.urlsafe_b64encode(to_json(seal(document, key))).decode()  # type: ignore[arg-type]
            answer = await site.desk.call("PUT", path, CONTENT, token, headers={"relevo-manifest": header})
            return "" if answer.status == 200 else answer.code

        theirs = signed(toni, site.ticket, own, now, technician="toni", clearance=Clearance.R1)
        path = f"/v1/tickets/{site.ticket}/attachments"
        assert await put(path, theirs, toni, site.tokens["toni"]) == ""
        before = await contents(site)
        for other in others:
            for named in (own, other.agent):
                forged = signed(other.key, site.ticket, named, now)
                assert await put("/v1/attachments", forged, other.key) in ("not-found", "signature-invalid")
            assert site.grant is not None
            result = other.manifest(site.grant, CONTENT, now)
            stored = await site.desk.upload(other, result, CONTENT)
            assert stored.code == "identity-mismatch"
            for named in (own, other.agent):
                for wanted in (theirs.attachment, site.artifact, site.sealed):
                    asked = AttachmentFetch(
                        version=1, agent=named, attachment=wanted, tls_sha256=site.desk.pin, at=now
                    )
                    proof = AttachmentWanted(proof=seal(asked, other.key))
                    answer = await site.desk.call("POST", "/v1/attachments/fetch", proof)
                    assert answer.code in ("not-found", "signature-invalid"), answer.body
        assert await contents(site) == before
