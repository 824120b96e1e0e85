"""The part of the role matrix that is about helping people: tickets, sessions, artifacts, links."""

from __future__ import annotations

from broker import artifacts
from broker.calls import HELPER, MEMBER, TECHNICIAN, Http, Open, Row, Socket
from broker.link import PATH as LINK_PATH
from broker.link import agent_link
from broker.relay_socket import PATH as RELAY_PATH
from broker.relay_socket import relay_leg
from broker.sessions import api as session_api
from broker.sla import views as sla_views
from broker.tickets import api as ticket_api
from broker.tickets import escalation_api as tiers
from broker.tickets import invitation_api, notices_api
from broker.tickets import moves_api as moves
from protocol import api
from protocol import ticket_api as desk
from protocol.audit import Action
from protocol.escalation import Handover
from protocol.sla_views import SlaExplained

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
        query=(
            "state",
            "assignee",
            "customer",
            "queue",
            "category",
            "tier",
            "priority",
            "sort",
            "breached",
            "external",
            "after",
            "limit",
        ),
    ),
    Http(
        "POST",
        "/v1/tickets",
        ticket_api.create_ticket,
        TECHNICIAN,
        takes=api.TicketNew,
        gives=api.TicketCreated,
    ),
    Http("GET", _TICKET, ticket_api.show_ticket, MEMBER, gives=api.TicketDetail, query=("looking",)),
    Http("GET", f"{_TICKET}/sla", sla_views.explain_ticket, MEMBER, gives=SlaExplained),
    Http("POST", f"{_TICKET}/take", moves.take_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    Http("POST", f"{_TICKET}/start", moves.start_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    Http("POST", f"{_TICKET}/assign", moves.assign_ticket, TECHNICIAN, takes=desk.TicketAssign, gives=_VIEW),
    Http("POST", f"{_TICKET}/triage", moves.triage_ticket, TECHNICIAN, takes=desk.TicketTriage, gives=_VIEW),
    Http("POST", f"{_TICKET}/merge", moves.merge_ticket, TECHNICIAN, takes=desk.TicketMerge, gives=_VIEW),
    Http("POST", f"{_TICKET}/notes", moves.add_note, HELPER, takes=_TEXT, gives=_VIEW),
    Http("POST", f"{_TICKET}/replies", moves.add_reply, TECHNICIAN, takes=_TEXT, gives=_VIEW),
    Http("POST", f"{_TICKET}/pend", moves.pend_ticket, TECHNICIAN, takes=desk.TicketPend, gives=_VIEW),
    Http("POST", f"{_TICKET}/resume", moves.resume_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    Http(
        "POST", f"{_TICKET}/resolve", moves.resolve_ticket, TECHNICIAN, takes=api.TicketResolve, gives=_VIEW
    ),
    Http("POST", f"{_TICKET}/reopen", moves.reopen_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    Http("POST", f"{_TICKET}/close", moves.close_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    Http("POST", f"{_TICKET}/cancel", moves.cancel_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    # Between tiers.
    Http("GET", f"{_TICKET}/handover", tiers.draft_handover, TECHNICIAN, gives=Handover),
    Http(
        "POST",
        f"{_TICKET}/escalate",
        tiers.escalate_ticket,
        TECHNICIAN,
        takes=desk.TicketEscalate,
        gives=_VIEW,
    ),
    Http("POST", f"{_TICKET}/accept", tiers.accept_ticket, TECHNICIAN, takes=_MOVE, gives=_VIEW),
    Http("POST", f"{_TICKET}/return", tiers.return_ticket, TECHNICIAN, takes=desk.TicketReturn, gives=_VIEW),
    Http(
        "POST",
        f"{_TICKET}/invitations",
        invitation_api.invite_expert,
        TECHNICIAN,
        takes=desk.TicketInvite,
        gives=_VIEW,
    ),
    Http(
        "POST",
        f"{_TICKET}/invitations/{{invitation}}/end",
        invitation_api.end_invitation,
        TECHNICIAN,
        takes=_MOVE,
        gives=api.InvitationView,
    ),
    Http("GET", "/v1/notices", notices_api.list_notices, MEMBER, gives=desk.Notices, query=("all",)),
    Http("POST", "/v1/notices/{notice}/seen", notices_api.see_notice, MEMBER, gives=desk.NoticeView),
    # Sessions.
    Http(
        "POST",
        "/v1/sessions",
        session_api.open_session,
        HELPER,
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
        HELPER,
        gives=api.SessionGranted,
        query=("wait",),
    ),
    Http("POST", f"{_SESSION}/legs", session_api.open_leg, HELPER, takes=api.LegRequest, gives=api.Leg),
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
        HELPER,
        gives="application/octet-stream",
    ),
    # Links. What they prove is checked inside.
    Socket(LINK_PATH, agent_link, Open.PROOF, refusal=Action.AGENT_LINK_REFUSED),
    Socket(RELAY_PATH, relay_leg, Open.PROOF),
)
