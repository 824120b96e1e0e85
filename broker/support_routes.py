"""The part of the role matrix that is about helping people: tickets, sessions, artifacts, links."""

from __future__ import annotations

from broker import artifacts
from broker.calls import MEMBER, TECHNICIAN, Http, Open, Row, Socket
from broker.link import PATH as LINK_PATH
from broker.link import agent_link
from broker.relay_socket import PATH as RELAY_PATH
from broker.relay_socket import relay_leg
from broker.sessions import api as session_api
from broker.tickets import api as ticket_api
from protocol import api
from protocol.audit import Action

_TICKET, _SESSION = "/v1/tickets/{ticket}", "/v1/sessions/{grant}"
_MOVE, _VIEW, _TEXT = api.TicketMove, api.TicketView, api.TicketText
_STREAM_S = 1_000.0

SUPPORT_ROUTES: tuple[Row, ...] = (
    # Tickets. MEMBER: admins and auditors look; only technicians act.
    Http(
        "GET",
        "/v1/tickets",
        ticket_api.list_tickets,
        MEMBER,
        gives=api.Tickets,
        query=("state", "assignee", "customer", "after", "limit"),
    ),
    Http(
        "POST",
        "/v1/tickets",
        ticket_api.create_ticket,
        TECHNICIAN,
        takes=api.TicketNew,
        gives=api.TicketCreated,
    ),
    Http("GET", _TICKET, ticket_api.show_ticket, MEMBER, gives=api.TicketDetail),
    Http("POST", f"{_TICKET}/take", ticket_api.take_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    Http("POST", f"{_TICKET}/start", ticket_api.start_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    Http("POST", f"{_TICKET}/notes", ticket_api.add_note, TECHNICIAN, takes=_TEXT, gives=_VIEW),
    Http("POST", f"{_TICKET}/replies", ticket_api.add_reply, TECHNICIAN, takes=_TEXT, gives=_VIEW),
    Http(
        "POST",
        f"{_TICKET}/resolve",
        ticket_api.resolve_ticket,
        TECHNICIAN,
        takes=api.TicketResolve,
        gives=_VIEW,
    ),
    Http("POST", f"{_TICKET}/reopen", ticket_api.reopen_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    Http("POST", f"{_TICKET}/close", ticket_api.close_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    Http("POST", f"{_TICKET}/cancel", ticket_api.cancel_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    # Sessions.
    Http(
        "POST",
        "/v1/sessions",
        session_api.open_session,
        TECHNICIAN,
        takes=api.SessionRequest,
        gives=api.SessionView,
        refusal=Action.SESSION_REFUSED,
    ),
    Http(
        "GET",
        "/v1/sessions",
        session_api.list_sessions,
        MEMBER,
        gives=api.Sessions,
        query=("ticket", "mine", "live"),
    ),
    Http("GET", _SESSION, session_api.show_session, MEMBER, gives=api.SessionView),
    Http(
        "GET",
        f"{_SESSION}/consent",
        session_api.await_consent,
        TECHNICIAN,
        gives=api.SessionGranted,
        query=("wait",),
    ),
    Http("POST", f"{_SESSION}/legs", session_api.open_leg, TECHNICIAN, takes=api.LegRequest, gives=api.Leg),
    Http(
        "POST",
        f"{_SESSION}/end",
        session_api.end_session,
        MEMBER,
        takes=api.SessionEnd,
        gives=api.SessionView,
    ),
    # Artifacts.
    Http(
        "PUT",
        "/v1/artifacts",
        artifacts.store_artifact,
        Open.PROOF,
        gives=api.ArtifactView,
        streams=True,
        max_body=artifacts.MAX_BYTES,
        body_deadline_s=_STREAM_S,
        refusal=Action.ARTIFACT_REFUSED,
    ),
    Http("GET", f"{_TICKET}/artifacts", artifacts.list_artifacts, MEMBER, gives=api.Artifacts),
    Http(
        "GET",
        "/v1/artifacts/{artifact}/about",
        artifacts.describe_artifact,
        MEMBER,
        gives=api.ArtifactView,
    ),
    Http(
        "GET",
        "/v1/artifacts/{artifact}",
        artifacts.read_artifact,
        TECHNICIAN,
        gives="application/octet-stream",
    ),
    # Links. What they prove is checked inside.
    Socket(LINK_PATH, agent_link, Open.PROOF, refusal=Action.AGENT_LINK_REFUSED),
    Socket(RELAY_PATH, relay_leg, Open.PROOF),
)
