"""A session exists only for the grant that technician, policy, and the machine's own key agree on."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol import ids, link
from protocol.api import SessionEnd, SessionRequest
from protocol.documents import Grant
from protocol.dsse import countersign, open_envelope, seal
from protocol.envelope import Envelope
from protocol.errors import Code
from protocol.link import EndReason
from protocol.organisation import Revoked
from protocol.scopes import Mode, Scope
from protocol.sshkeys import PublicKey
from protocol.wire import to_json
from tests.support.broker_world import new_key
from tests.support.desk import Desk, desk


async def _wait(site: Desk, grant: str, who: str = "toni", wait: int = 20) -> Any:
    token = await site.world.login(who)
    return await site.call("GET", f"/v1/sessions/{grant}/consent?wait={wait}", token=token)


async def test_a_session_is_asked_for_shown_agreed_to_and_recorded_at_every_step(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            ticket = await site.ticket(machine)
            grant, envelope = await site.consented(control, ticket)
            issuer = PublicKey.from_text(site.world.org.pairing.issuer_key)
            technician = site.world.org.keys["toni"].public_key
            assert open_envelope(envelope, Grant, [technician, issuer]) == grant
            detail = await site.call("GET", f"/v1/tickets/{ticket}", token=await site.world.login("toni"))
            assert [s["state"] for s in detail.json["sessions"]] == ["consented"]
            kinds = [event["kind"] for event in detail.json["timeline"]]
            assert kinds[-2:] == ["session.requested", "session.consented"]
            evidence = [
                len(r["evidence"]) for r in await site.records() if r["action"].startswith("session.")
            ]
            assert evidence == [1, 1]


async def test_consent_to_less_than_was_asked_is_what_the_session_then_has(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant = site.grant(machine, await site.ticket(machine))
            await site.request(grant)
            offer = await control.expect(link.Offer)
            until = site.now + timedelta(minutes=10)
            less = machine.consent(offer.grant, site.now, scopes=(Scope.LOGS,), until=until)
            await control.send(link.ConsentGiven(grant=grant.grant, consent=less))
            answer = await _wait(site, grant.grant)
            assert answer.json["session"]["scopes"] == ["logs"]
            assert answer.json["session"]["ends"].startswith(until.isoformat()[:19])


_WRONG_CONSENTS: list[tuple[str, str]] = [
    ("more scopes", "scope-not-granted"),
    ("longer", "parameter-invalid"),
    ("another key", "signature-invalid"),
    ("another grant's hash", "hash-mismatch"),
    ("names another key", "identity-mismatch"),
]


@pytest.mark.parametrize(("how", "code"), _WRONG_CONSENTS)
async def test_a_consent_that_is_not_exactly_right_ends_the_session_and_is_kept_as_evidence(
    tmp_path: Path, how: str, code: str
) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant = site.grant(machine, await site.ticket(machine))
            await site.request(grant)
            offer = (await control.expect(link.Offer)).grant
            stranger = new_key()
            changes: dict[str, dict[str, Any]] = {
                "more scopes": {"scopes": (Scope.DIAGNOSE, Scope.LOGS, Scope.SCREENSHOT)},
                "longer": {"until": grant.ends + timedelta(seconds=1)},
                "another key": {"signer": stranger},
                "another grant's hash": {"grant_sha256": "ab" * 32},
                "names another key": {"agent_key": stranger.public_key.text},
            }
            wrong = machine.consent(offer, site.now, **changes[how])
            await control.send(link.ConsentGiven(grant=grant.grant, consent=wrong))
            answer = await _wait(site, grant.grant)
            assert answer.code == code
            refused = await site.records("session.refused")
            assert [r["grant"] for r in refused] == [grant.grant]
            assert len(refused[0]["evidence"]) == 1
            token = await site.world.login("toni")
            assert (await site.call("POST", f"/v1/sessions/{grant.grant}/legs", b"{}", token)).code == code


async def test_another_machine_cannot_consent_refuse_or_end_for_this_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine, other = await site.enrol(), await site.enrol()
        async with site.link(machine) as control:
            grant = site.grant(machine, await site.ticket(machine))
            await site.request(grant)
            offer = (await control.expect(link.Offer)).grant
            async with site.link(other) as foreign:
                await foreign.send(link.SessionEnded(grant=grant.grant, why=EndReason.USER_STOP))
                refusal = other.refusal(offer, Code.CONSENT_DENIED, site.now)
                await foreign.send(
                    link.OfferRefused(grant=grant.grant, code=Code.CONSENT_DENIED, refusal=refusal)
                )
                consent = machine.consent(offer, site.now)
                await foreign.send(link.ConsentGiven(grant=grant.grant, consent=consent))
                assert (await foreign.expect(link.Failure)).code is Code.IDENTITY_MISMATCH
                assert await foreign.closed() == 4403
            await control.send(link.ConsentGiven(grant=grant.grant, consent=machine.consent(offer, site.now)))
            assert (await _wait(site, grant.grant)).status == 200
            assert (await site.actions()).count("request.refused") == 1


async def test_the_same_consent_twice_is_one_consent(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant = site.grant(machine, await site.ticket(machine))
            await site.request(grant)
            consent = machine.consent((await control.expect(link.Offer)).grant, site.now)
            for _ in range(2):
                await control.send(link.ConsentGiven(grant=grant.grant, consent=consent))
            assert await control.alive()
            assert (await _wait(site, grant.grant)).status == 200
            assert (await site.actions()).count("session.consented") == 1


async def test_a_refusal_reaches_the_technician_with_its_code(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant = site.grant(machine, await site.ticket(machine))
            await site.request(grant)
            waiting = asyncio.create_task(_wait(site, grant.grant))
            offer = (await control.expect(link.Offer)).grant
            refusal = machine.refusal(offer, Code.CONSENT_DENIED, site.now)
            await control.send(
                link.OfferRefused(grant=grant.grant, code=Code.CONSENT_DENIED, refusal=refusal)
            )
            answer = await waiting
            assert (answer.status, answer.code) == (403, "consent-denied")
            denied = await site.records("session.denied")
            assert len(denied) == 1
            assert len(denied[0]["evidence"]) == 1


async def test_nobody_waits_longer_than_the_user_was_given(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant = site.grant(machine, await site.ticket(machine))
            await site.request(grant)
            offer = await control.expect(link.Offer)
            site.world.clock.forward(minutes=3)
            assert (await control.expect(link.End)).why is EndReason.NO_ANSWER
            assert (await _wait(site, grant.grant)).code == "consent-timeout"
            late = machine.consent(offer.grant, site.now)
            await control.send(link.ConsentGiven(grant=grant.grant, consent=late))
            assert (await control.expect(link.End)).grant == grant.grant
            assert "session.consented" not in await site.actions()


def _altered(site: Desk, grant: Grant, how: str) -> tuple[Envelope, str]:
    toni = site.world.org.keys["toni"]
    good = seal(grant, toni)
    replace = msgspec.structs.replace
    match how:
        case "signed by a stranger":
            return seal(grant, new_key()), "signature-invalid"
        case "one byte altered":
            payload = good.payload.replace(b'"diagnose"', b'"terminal"')
            return replace(good, payload=payload), "signature-invalid"
        case "already countersigned":
            return countersign(good, Grant, new_key()), "malformed"
        case "unsigned":
            return replace(good, signatures=()), "malformed"
        case "in a colleague's name":
            key = site.world.org.keys["gil"].public_key.text
            return seal(replace(grant, technician="gil", technician_key=key), toni), "not-in-roster"
        case "of another organisation":
            other = "org-" + "a" * 32
            return seal(replace(grant, org=other), toni), "identity-mismatch"
        case "for a tier 3 scope":
            return seal(replace(grant, scopes=(Scope.TERMINAL,)), toni), "scope-not-allowed"
        case "made an hour ago":
            ago = site.now - timedelta(hours=1)
            return seal(replace(grant, issued=ago), toni), "document-expired"
        case "made tomorrow":
            later = site.now + timedelta(days=1)
            return seal(replace(grant, issued=later), toni), "document-expired"
        case "for a whole day":
            return seal(replace(grant, ends=site.now + timedelta(days=1)), toni), "parameter-invalid"
        case "answer due in an hour":
            due = site.now + timedelta(hours=1)
            return seal(replace(grant, establish_by=due), toni), "parameter-invalid"
        case "standing":
            return seal(replace(grant, mode=Mode.STANDING), toni), "refused"
        case "for another customer":
            return seal(replace(grant, customer="globex"), toni), "customer-not-allowed"
        case "on no ticket":
            return seal(replace(grant, ticket="T-999"), toni), "not-found"
        case _:
            raise AssertionError(how)


_FORGERIES = [
    "signed by a stranger",
    "one byte altered",
    "already countersigned",
    "unsigned",
    "in a colleague's name",
    "of another organisation",
    "for a tier 3 scope",
    "made an hour ago",
    "made tomorrow",
    "for a whole day",
    "answer due in an hour",
    "standing",
    "for another customer",
    "on no ticket",
]


@pytest.mark.parametrize("how", _FORGERIES)
async def test_a_grant_that_breaks_a_rule_is_never_countersigned(tmp_path: Path, how: str) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant = site.grant(machine, await site.ticket(machine))
            envelope, code = _altered(site, grant, how)
            assert (await site.send_request(envelope)).code == code
            assert await control.alive()
            actions = await site.actions()
            assert actions.count("session.refused") == 1
            assert "session.requested" not in actions


async def test_a_grant_is_good_for_one_request_whatever_became_of_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            token = await site.world.login("toni")
            assert (await site.request(grant)).code == "replayed"
            answered = to_json(SessionEnd(unanswered=True))
            ended = await site.call("POST", f"/v1/sessions/{grant.grant}/end", answered, token)
            assert ended.json["why_ended"] == "technician", "the user did answer"
            assert (await site.request(grant)).code == "replayed"


async def test_a_grant_cannot_be_turned_to_another_machine_than_the_tickets(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine, other = await site.enrol(), await site.enrol()
        async with site.link(machine), site.link(other):
            ticket = await site.ticket(machine)
            assert (await site.request(site.grant(other, ticket))).code == "identity-mismatch"


async def test_only_the_assignee_of_a_taken_ticket_may_ask(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine):
            token = await site.world.login("toni")
            made = await site.call("POST", "/v1/tickets", {"title": "x", "agent": machine.agent}, token)
            new = site.grant(machine, made.json["ticket"])
            assert (await site.request(new)).code == "conflict"
            for move in ("take", "resolve"):
                done = {"resolution": "done", "no_article_reason": "once"}
                body = done if move == "resolve" else {}
                await site.call("POST", f"/v1/tickets/{new.ticket}/{move}", body, token)
            resolved = site.grant(machine, new.ticket)
            assert (await site.request(resolved)).code == "ticket-closed"


async def test_without_a_link_nothing_is_left_that_could_become_live(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        grant = site.grant(machine, await site.ticket(machine))
        assert (await site.request(grant)).code == "agent-offline"
        listed = await site.call("GET", "/v1/sessions", token=await site.world.login("toni"))
        assert listed.json["rows"] == []
        async with site.link(machine) as control:
            assert await control.alive()
            assert (await site.request(grant)).status == 200


async def test_closing_the_ticket_kills_its_grants_at_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            ticket = await site.ticket(machine)
            grant, _ = await site.consented(control, ticket)
            near, _far = await site.leg(control, grant)
            token = await site.world.login("toni")
            async with site.attach(near) as (socket_, _next):
                solved = {"resolution": "toner", "no_article_reason": "once"}
                for move, body in (("resolve", solved), ("close", {"reason": "they say so"})):
                    answer = await site.call("POST", f"/v1/tickets/{ticket}/{move}", body, token)
                    assert answer.status == 200
                assert (await control.expect(link.End)).why is EndReason.TICKET_CLOSED
                await socket_.wait_closed()
                assert socket_.close_code == 4410
            async with site.attach(near) as (socket_, next_token):
                assert next_token is None
                assert socket_.close_code == 4403


async def test_a_takeover_ends_the_colleagues_session_and_asks_the_user_anew(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        await _add_technician(site, "tere", {"acme": 2})
        machine = await site.enrol()
        async with site.link(machine) as control:
            ticket = await site.ticket(machine)
            await site.consented(control, ticket)
            token = await site.world.login("tere")
            assert (
                await site.call("POST", f"/v1/tickets/{ticket}/take", b"{}", token)
            ).code == "stale-version"
            seen = (await site.call("GET", f"/v1/tickets/{ticket}", token=token)).json["ticket"]["version"]
            taken = await site.call("POST", f"/v1/tickets/{ticket}/take", {"version": seen}, token)
            assert (taken.json["assignee"], taken.json["tier"]) == ("tere", 2)
            assert (await control.expect(link.End)).why is EndReason.REVOKED
            assert (await site.request(site.grant(machine, ticket))).code == "conflict"


async def _add_technician(site: Desk, id_: str, tiers: dict[str, int]) -> None:
    from protocol.scopes import Role

    site.world.org.add(id_, Role.TECHNICIAN, tiers=tiers)
    answer = await site.world.publish(site.world.org.next(), await site.world.login("ada"))
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("what", ["key", "person", "tier", "grant", "agent"])
async def test_what_the_organisation_takes_back_ends_within_moments(tmp_path: Path, what: str) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            org = site.world.org
            toni = next(person for person in org.people if person.id == "toni")
            match what:
                case "key":
                    org.revoked = Revoked(keys=(org.keys["toni"].public_key.fingerprint,))
                case "person":
                    org.people.remove(toni)
                case "tier":
                    org.people.remove(toni)
                    org.people.append(msgspec.structs.replace(toni, tiers=()))
                case "grant":
                    org.revoked = Revoked(grants=(grant.grant,))
                case "agent":
                    org.revoked = Revoked(agents=(machine.agent,))
            answer = await site.world.publish(org.next(), await site.world.login("ada"))
            assert answer.status == 200, answer.body
            if what == "agent":
                assert await control.closed() == 4403
            else:
                assert (await control.expect(link.End)).why is EndReason.REVOKED
            await site.until(lambda: not site.world.broker.sessions.is_live(grant.grant))
            ended = await site.records("session.ended")
            assert [f["value"] for r in ended for f in r["facts"] if f["key"] == "why"] == ["revoked"]
        if what == "agent":
            async with site.link(machine) as again:
                assert again.inbox[0].code is Code.REVOKED


async def test_other_agents_hear_that_the_organisation_changed(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            await _add_technician(site, "tere", {"acme": 2})
            await control.expect(link.RepositoryChanged)


async def test_a_technician_of_another_customer_sees_and_reaches_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            ticket = await site.ticket(machine)
            grant, _ = await site.consented(control, ticket)
            token = await site.world.login("gil")
            for path in (
                f"/v1/tickets/{ticket}",
                f"/v1/tickets/{ticket}/artifacts",
                f"/v1/sessions/{grant.grant}",
                f"/v1/sessions/{grant.grant}/consent",
            ):
                assert (await site.call("GET", path, token=token)).code == "not-found", path
            for path in (f"/v1/sessions/{grant.grant}/end", f"/v1/sessions/{grant.grant}/legs"):
                assert (await site.call("POST", path, b"{}", token)).code == "not-found", path
            for list_ in ("/v1/tickets", "/v1/sessions", f"/v1/sessions?ticket={ticket}"):
                assert (await site.call("GET", list_, token=token)).json["rows"] == []
            assert (await site.request(site.grant(machine, ticket, "gil"), "gil")).code == "not-found"


async def test_a_colleague_at_the_customer_cannot_use_the_session(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        await _add_technician(site, "tere", {"acme": 3})
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            token = await site.world.login("tere")
            for path in ("legs", "end"):
                answer = await site.call("POST", f"/v1/sessions/{grant.grant}/{path}", b"{}", token)
                assert answer.code == "refused"
            assert (await _wait(site, grant.grant, "tere")).code == "refused"


async def test_an_agent_that_comes_back_agrees_with_the_broker_on_what_lives(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            asked = site.grant(machine, await site.ticket(machine))
            await site.request(asked)
            await control.expect(link.Offer)
        async with site.link(machine) as control:
            assert (await control.expect(link.Offer)).grant.digest
            lost, _ = await site.consented(control, await site.ticket(machine))
        unknown = ids.new_grant_id()
        async with site.link(machine, sessions=(asked.grant, unknown)) as control:
            assert (await control.expect(link.End)).grant == unknown
            assert await control.alive()
            assert (await _wait(site, lost.grant)).code == "session-lost"
            assert (await _wait(site, asked.grant, wait=0)).code == "timeout"


async def test_at_its_end_a_session_ends(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            site.world.clock.forward(minutes=31)
            assert (await control.expect(link.End)).why is EndReason.TIME_UP
            token = await site.world.login("toni")
            answer = await site.call("POST", f"/v1/sessions/{grant.grant}/legs", b"{}", token)
            assert answer.code == "session-ended"


async def test_the_request_body_must_be_a_grant(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        consent = machine.consent(seal(site.grant(machine, "T-1"), machine.key), site.now)
        token = await site.world.login("toni")
        answer = await site.call("POST", "/v1/sessions", SessionRequest(grant=consent), token)
        assert answer.code == "malformed"


async def test_a_user_who_keeps_saying_no_is_left_in_peace(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            ticket = await site.ticket(machine)
            for _ in range(10):
                grant = site.grant(machine, ticket)
                assert (await site.request(grant)).status == 200
                offer = (await control.expect(link.Offer)).grant
                refusal = machine.refusal(offer, Code.CONSENT_DENIED, site.now)
                await control.send(
                    link.OfferRefused(grant=grant.grant, code=Code.CONSENT_DENIED, refusal=refusal)
                )
                assert await control.alive()
            assert (await site.request(site.grant(machine, ticket))).code == "rate-limited"
            site.world.clock.forward(minutes=11)
            assert (await site.request(site.grant(machine, ticket))).status == 200


async def test_a_machine_has_eight_sessions_at_a_time(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine):
            ticket = await site.ticket(machine)
            codes = [(await site.request(site.grant(machine, ticket))).status for _ in range(9)]
            assert codes == [200] * 8 + [429]


async def test_with_a_full_disk_nothing_starts_and_stop_still_works(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            ticket = await site.ticket(machine)
            grant, _ = await site.consented(control, ticket)
            near, _far = await site.leg(control, grant)
            token = await site.world.login("toni")
            path = f"/v1/tickets/{ticket}/notes"
            async with site.attach(near) as (socket_, _next):
                with _no_more_room(site):
                    while (await site.call("POST", path, {"text": "x" * 20_000}, token)).status == 200:
                        pass
                    ended = await site.call("POST", f"/v1/sessions/{grant.grant}/end", b"{}", token)
                assert ended.status in (200, 507)
                assert (await control.expect(link.End)).grant == grant.grant
                async with asyncio.timeout(20):
                    await socket_.wait_closed()
                assert socket_.close_code == 4410
            again = await site.call("POST", f"/v1/sessions/{grant.grant}/end", b"{}", token)
            assert again.json["state"] == "ended"
            assert (await site.call("POST", path, {"text": "x" * 20_000}, token)).status == 200


@contextmanager
def _no_more_room(site: Desk) -> Iterator[None]:
    """The database file may not grow, as on a full disk."""
    size = Path(site.world.broker.config.database_url.removeprefix("sqlite:///")).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
