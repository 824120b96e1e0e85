"""The role matrix: every route of the broker, what it takes and gives, and who may reach it.

What is not listed does not exist. A test walks this table with every kind of caller.
"""

from __future__ import annotations

from broker import agents, audit_api, auth, enrolment, health, organisation_api
from broker.calls import ADMIN, MEMBER, Http, Open, Row
from broker.conversation.routes import CONVERSATION_ROUTES
from broker.knowledge.routes import KNOWLEDGE_ROUTES
from broker.knowledge.signature_routes import SIGNATURE_ROUTES
from broker.reports.routes import REPORT_ROUTES
from broker.support_routes import SUPPORT_ROUTES
from broker.trends.routes import TREND_ROUTES
from protocol import api, publication
from protocol.audit import Action
from protocol.organisation import Technician

PUBLIC, PROOF = Open.PUBLIC, Open.PROOF
_PUBLICATION = 96 << 20
"""Bytes of a publication as JSON: every file of the organisation repository, in base64."""
_TEXT, _BYTES, _JSON = "text/plain", "application/octet-stream", "application/json"

ROUTES: tuple[Row, ...] = (
    Http("GET", "/health", health.health, PUBLIC, gives=api.Health),
    Http("GET", "/metrics", health.metrics, PUBLIC, gives=_TEXT),
    Http("GET", "/openapi.json", health.openapi, PUBLIC, gives=_JSON),
    # The organisation repository: public, every byte of it is signed.
    Http("GET", "/repo/metadata/{name}", organisation_api.metadata, PUBLIC, gives=_JSON),
    Http("GET", "/repo/targets/{path:path}", organisation_api.target, PUBLIC, gives=_BYTES),
    Http(
        "POST",
        "/v1/org/pair",
        organisation_api.pair,
        PROOF,
        takes=publication.PairRequest,
        gives=publication.Published,
        max_body=_PUBLICATION,
        body_deadline_s=60,
    ),
    Http(
        "POST",
        "/v1/org/publish",
        organisation_api.publish,
        ADMIN,
        takes=publication.Publication,
        gives=publication.Published,
        max_body=_PUBLICATION,
        body_deadline_s=300,
    ),
    # Logins.
    Http("POST", "/v1/auth/challenge", auth.challenge, PROOF, gives=api.LoginChallenge),
    Http(
        "POST",
        "/v1/auth/login",
        auth.login,
        PROOF,
        takes=api.LoginRequest,
        gives=api.Login,
        refusal=Action.LOGIN_REFUSED,
    ),
    Http("POST", "/v1/auth/logout", auth.logout, MEMBER),
    Http("GET", "/v1/me", auth.me, MEMBER, gives=Technician),
    # Machines.
    Http(
        "POST",
        "/v1/enrol",
        enrolment.enrol,
        PROOF,
        takes=api.EnrolRequest,
        gives=api.Enrolled,
        refusal=Action.ENROLMENT_REFUSED,
    ),
    Http(
        "GET",
        "/v1/agents",
        agents.list_agents,
        MEMBER,
        gives=api.Agents,
        query=("limit", "after", "customer"),
    ),
    Http("GET", "/v1/agents/{agent}", agents.show_agent, MEMBER, gives=api.AgentView),
    # The audit log.
    Http("GET", "/v1/audit/checkpoint", audit_api.checkpoint, MEMBER, gives=_TEXT),
    Http(
        "GET",
        "/v1/audit/checkpoints",
        audit_api.checkpoint_history,
        MEMBER,
        gives=api.AuditCheckpoints,
        query=("after", "count"),
    ),
    Http("GET", "/v1/audit/tile/{path:path}", audit_api.tile, MEMBER, gives=_BYTES),
    Http(
        "GET",
        "/v1/audit/entries",
        audit_api.entries,
        MEMBER,
        gives=api.AuditEntries,
        query=("start", "count", "ticket"),
    ),
    *SUPPORT_ROUTES,
    *KNOWLEDGE_ROUTES,
    *TREND_ROUTES,
    *CONVERSATION_ROUTES,
    *SIGNATURE_ROUTES,
    *REPORT_ROUTES,
)
