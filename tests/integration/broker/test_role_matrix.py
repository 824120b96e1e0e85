"""Every route, with everybody: what the table says is what happens, and what it does not list is not there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from broker.app import make_app
from broker.calls import Http, Open, Row, Socket
from broker.limits import SourceLimiter
from broker.routes import ROUTES
from protocol.scopes import Role
from tests.support.broker_world import World, asgi, paired

PEOPLE = {
    "ada": {Role.ADMIN},
    "toni": {Role.TECHNICIAN},
    "olga": {Role.AUDITOR},
    "pia": {Role.APPROVER},
}
DENIED = {"unauthenticated", "role-missing"}

# Written by hand from 3-interface.md and the issue: the routes anybody may reach without a login.
EXPECTED_PUBLIC = {
    ("GET", "/health"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/repo/metadata/{name}"),
    ("GET", "/repo/targets/{path:path}"),
}
ADMIN_ONLY = {("POST", "/v1/org/publish")}


def _name(row: Row) -> str:
    return f"{row.method} {row.path}"


def _path(row: Row) -> str:
    return re.sub(r"\{[^}]+\}", "x1", row.path)


async def _reach(world: World, row: Row, token: str | None) -> tuple[int, str]:
    """Status and code of a try to reach the route with a body that it cannot take."""
    if isinstance(row, Socket):
        answer = await world.upgrade(_path(row), token)
    else:
        answer = await world.call(row.method, _path(row), b"{", token)
    problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    return answer.status, answer.code if problem else ""


async def test_each_route_lets_in_whom_the_table_lists_and_nobody_else(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        tokens = {who: await world.login(who) for who in PEOPLE}
        for row in ROUTES:
            if isinstance(row, Socket) and isinstance(row.access, Open):
                continue
            for who, roles in PEOPLE.items():
                if row.path == "/v1/auth/logout":
                    continue
                _status, code = await _reach(world, row, tokens[who])
                allowed = isinstance(row.access, Open) or bool(roles & row.access)
                assert (code not in DENIED) == allowed, f"{who} at {_name(row)}: {code}"


async def test_without_a_login_only_open_routes_answer(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        for row in ROUTES:
            if isinstance(row.access, Open):
                continue
            for token in (None, "relevo_" + "0" * 64):
                status, code = await _reach(world, row, token)
                assert (status, code) in ((401, "unauthenticated"), (429, "rate-limited")), _name(row)


def test_the_open_routes_are_the_ones_that_were_meant() -> None:
    public = {(row.method, row.path) for row in ROUTES if row.access is Open.PUBLIC}
    assert public == EXPECTED_PUBLIC
    for row in ROUTES:
        if row.access is Open.PUBLIC:
            assert row.method == "GET", "a public route changes nothing"


def test_what_is_for_administrators_alone_is_exactly_publishing() -> None:
    found = {(r.method, r.path) for r in ROUTES if r.access == frozenset({Role.ADMIN})}
    assert found == ADMIN_ONLY


def test_no_route_is_open_to_an_empty_set_or_listed_twice() -> None:
    names = [(row.method, row.path) for row in ROUTES]
    assert len(set(names)) == len(names)
    assert all(isinstance(row.access, Open) or row.access for row in ROUTES)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/agents"),
        ("PUT", "/v1/org/publish"),
        ("POST", "/health"),
        ("OPTIONS", "/v1/me"),
        ("TRACE", "/health"),
        ("GET", "/v1"),
        ("GET", "/v1/me/"),
        ("GET", "//v1/me"),
        ("GET", "/v1/../v1/me"),
        ("GET", "/V1/me"),
        ("GET", "/docs"),
        ("GET", "/repo/targets/../../keys/issuer"),
        ("GET", "/repo/targets/%2e%2e/keys/issuer"),
        ("GET", "/repo/metadata/../pairing.json"),
        ("GET", "/repo/metadata/../../pairing.json"),
    ],
)
async def test_what_the_table_does_not_list_is_not_there(tmp_path: Path, method: str, path: str) -> None:
    async with paired(tmp_path) as world:
        answer = await world.call(method, path, token=await world.login("ada"))
        assert (answer.status, answer.code) == (404, "not-found")


async def test_a_socket_route_is_guarded_like_any_other(tmp_path: Path) -> None:
    async def accept(broker: object, socket: object) -> None:
        await socket.accept()  # type: ignore[attr-defined]

    row = Socket("/v1/test", accept, frozenset({Role.ADMIN}))
    async with paired(tmp_path) as world:
        world.rows = (*ROUTES, row)
        assert (await world.upgrade("/v1/test")).code == "unauthenticated"
        assert (await world.upgrade("/v1/test", await world.login("toni"))).code == "role-missing"
        assert (await world.upgrade("/v1/test", await world.login("ada"))).status == 101
        assert (await world.upgrade("/v1/other", await world.login("ada"))).code == "not-found"
        assert (await world.call("GET", "/v1/test", token=await world.login("ada"))).code == "not-found"


async def test_refusals_of_known_people_are_recorded_by_name(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        await world.call("POST", "/v1/org/publish", b"{}", await world.login("toni"))
        records = await world.audit(await world.login("olga"))
        refused = next(r for r in records if r["action"] == "access.refused")
        assert refused["actor"] == {"kind": "technician", "id": "toni"}
        assert {"key": "path", "value": "/v1/org/publish"} in refused["facts"]


async def test_bodies_are_limited_before_they_are_read(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        token = await world.login("toni")
        stated = await world.call("POST", "/v1/auth/login", b"", headers={"content-length": str(1 << 40)})
        assert (stated.status, stated.code) == (413, "too-large")
        sent = await world.call(
            "POST", "/v1/auth/login", b" " * (1 << 20) + b"{}", headers={"content-length": "2"}
        )
        assert (sent.status, sent.code) == (413, "too-large")
        none_taken = await world.call("POST", "/v1/auth/logout", b"x", token)
        assert (none_taken.status, none_taken.code) == (413, "too-large")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"key":"x"}', b'{"key":1,"proof":null}', b"\xff", b"[" * 9_000]
)
async def test_a_body_that_is_not_exactly_the_type_is_malformed(tmp_path: Path, body: bytes) -> None:
    async with paired(tmp_path) as world:
        answer = await world.call("POST", "/v1/auth/login", body)
        assert (answer.status, answer.code) == (400, "malformed")


async def test_an_unexpected_error_tells_the_client_nothing_but_a_reference(tmp_path: Path) -> None:
    async def broken(broker: object, call: object) -> None:
        raise ValueError("the secret is hunter2-canary")

    async with paired(tmp_path) as world:
        world.rows = (Http("GET", "/v1/broken", broken, Open.PUBLIC),)
        answer = await world.call("GET", "/v1/broken")
        assert (answer.status, answer.code) == (500, "internal")
        assert b"canary" not in answer.body
        assert len(answer.json["reference"]) == 8
        assert answer.headers["content-type"] == "application/problem+json"


async def test_made_up_bearers_are_recorded_until_the_limit_and_a_real_login_is_not_held_up(
    tmp_path: Path,
) -> None:
    async with paired(tmp_path) as world:
        world.broker = replace(world.broker, limiter=SourceLimiter(per_second=0))  # waiting gives none back
        token = await world.login("toni")
        codes = [(await world.call("GET", "/v1/me", token=f"relevo_{n:064x}")).code for n in range(130)]
        assert codes == ["unauthenticated"] * 100 + ["rate-limited"] * 30
        size = world.broker.store.log_size
        limited = await world.call("GET", "/v1/me", token="relevo_" + "0" * 64)
        assert limited.headers["retry-after"] == "5"
        assert world.broker.store.log_size == size
        assert (await world.call("GET", "/v1/me", token=token)).status == 200
        assert await world.login("gil"), "another route has its own limit"


async def test_only_one_large_body_is_held_at_a_time(tmp_path: Path) -> None:
    import asyncio

    async with paired(tmp_path) as world:
        app, gate = make_app(world.broker), asyncio.Event()
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/org/pair",
            "query_string": b"",
            "headers": [],
            "client": ("192.0.2.1", 1),
            "extensions": {},
        }

        async def receive() -> dict[str, object]:
            gate.set()
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: object) -> None:
            pass

        first = asyncio.create_task(app(scope, receive, send))
        await gate.wait()
        second = await asgi(app, dict(scope), [b"{}"])
        assert (second.status, second.code) == (429, "rate-limited")
        first.cancel()
        await asyncio.wait([first])
        assert (await asgi(app, dict(scope), [b"{}"])).code == "malformed"
