"""Health, metrics, OpenAPI, agents' list: what the outside sees."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from broker.calls import Http
from broker.limits import MAX_SOURCES, SourceLimiter, source_of
from broker.openapi import document
from broker.routes import ROUTES
from protocol.api import Health
from protocol.ids import agent_id
from protocol.scopes import Role
from protocol.wire import from_json
from tests.support.broker_world import new_key, paired, unpaired

# OpenAPI 3.1's own schema, reduced to the parts that we use (spec.openapis.org/oas/3.1/schema/2022-10-07).
SHAPE = {
    "type": "object",
    "required": ["openapi", "info", "paths", "components"],
    "properties": {
        "openapi": {"const": "3.1.0"},
        "info": {"type": "object", "required": ["title", "version"]},
        "paths": {
            "type": "object",
            "propertyNames": {"pattern": "^/"},
            "additionalProperties": {
                "type": "object",
                "propertyNames": {"enum": ["get", "post", "put", "delete", "patch"]},
                "additionalProperties": {
                    "type": "object",
                    "required": ["operationId", "responses", "security"],
                    "properties": {
                        "parameters": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["name", "in", "schema"],
                                "properties": {"in": {"enum": ["path", "query"]}},
                                "if": {"properties": {"in": {"const": "path"}}},
                                "then": {"properties": {"required": {"const": True}}},
                            },
                        },
                        "responses": {
                            "type": "object",
                            "minProperties": 2,
                            "propertyNames": {"pattern": "^([1-5][0-9][0-9]|default)$"},
                            "additionalProperties": {"type": "object", "required": ["description"]},
                        },
                    },
                },
            },
        },
    },
}


def _references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(_references(v) for v in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(v) for v in value))
    return set()


def test_the_openapi_document_is_valid_and_complete() -> None:
    found = json.loads(document())
    jsonschema_rs.validate(SHAPE, found)
    described = {(method.upper(), path) for path, item in found["paths"].items() for method in item}
    listed = {(r.method, r.path.replace(":path}", "}")) for r in ROUTES if isinstance(r, Http)}
    assert described == listed
    schemas = found["components"]["schemas"]
    assert _references(found) == {f"#/components/schemas/{name}" for name in schemas}
    for schema in schemas.values():
        jsonschema_rs.validator_for({**schema, "components": found["components"]})
    operations = [op for item in found["paths"].values() for op in item.values()]
    assert len({op["operationId"] for op in operations}) == len(operations)


async def test_answers_follow_their_schemas(tmp_path: Path) -> None:
    found = json.loads(document())
    async with paired(tmp_path) as world:
        token = await world.login("olga")
        for row in ROUTES:
            if row.method != "GET" or "{" in row.path or not isinstance(row, Http):
                continue
            if not isinstance(row.gives, type):
                continue
            answer = await world.call("GET", row.path, token=token)
            content = found["paths"][row.path]["get"]["responses"]["200"]["content"]
            schema = {**content["application/json"]["schema"], "components": found["components"]}
            jsonschema_rs.validate(schema, answer.json)
        problem = await world.call("GET", "/v1/me")
        schema = {"$ref": "#/components/schemas/Problem", "components": found["components"]}
        jsonschema_rs.validate(schema, problem.json)


async def test_health_says_whose_broker_it_is_and_how_it_is(tmp_path: Path) -> None:
    async with unpaired(tmp_path / "a") as world:
        health = from_json((await world.call("GET", "/health")).body, Health)
        assert (health.status, health.org) == ("ok", None)
        world.broker.drain.begin()
        assert (await world.call("GET", "/health")).json["status"] == "draining"
    async with paired(tmp_path / "b") as world:
        health = from_json((await world.call("GET", "/health")).body, Health)
        assert (health.status, health.org) == ("ok", world.org.org)


async def test_metrics_count_and_name_nobody(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        await world.login("toni")
        await world.call("GET", "/v1/agents/ag-" + "a" * 32, token=await world.login("toni"))
        text = (await world.call("GET", "/metrics")).body.decode()
        assert "relevo_log_entries" in text
        assert 'path="/v1/agents/{agent}"' in text
        for secret in ("toni", "192.0.2.1", "ag-aaaa", world.org.org):
            assert secret not in text


async def test_agents_of_other_customers_do_not_exist_for_a_technician(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        machines = {}
        for customer in ("acme", "globex"):
            machine = new_key()
            request = world.org.enrol_request(world.org.token(customer=customer), machine)
            assert (await world.call("POST", "/v1/enrol", request)).status == 200
            machines[customer] = agent_id(machine.public_key.blob)
        toni = await world.login("toni")
        rows = (await world.call("GET", "/v1/agents", token=toni)).json["rows"]
        assert [row["agent"] for row in rows] == [machines["acme"]]
        assert (await world.call("GET", "/v1/agents?customer=globex", token=toni)).json["rows"] == []
        assert (await world.call("GET", f"/v1/agents/{machines['acme']}", token=toni)).status == 200
        hidden = await world.call("GET", f"/v1/agents/{machines['globex']}", token=toni)
        unknown = await world.call("GET", "/v1/agents/ag-" + "a" * 32, token=toni)
        assert (hidden.status, hidden.code) == (unknown.status, unknown.code) == (404, "not-found")
        everything = (await world.call("GET", "/v1/agents", token=await world.login("olga"))).json["rows"]
        assert {row["agent"] for row in everything} == set(machines.values())


async def test_a_technician_for_every_customer_sees_every_machine_page_by_page(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        world.org.add("max", Role.TECHNICIAN, tiers={"*": 3})
        await world.publish(world.org.next(), await world.login("ada"))
        for customer in ("acme", "globex", "acme"):
            request = world.org.enrol_request(world.org.token(customer=customer))
            await world.call("POST", "/v1/enrol", request)
        token, seen, after = await world.login("max"), [], ""
        while True:
            page = (await world.call("GET", f"/v1/agents?limit=2{after}", token=token)).json
            seen += [row["agent"] for row in page["rows"]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert len(seen) == len(set(seen)) == 3
        assert seen == sorted(seen)


def test_the_limiter_counts_each_source_by_itself_and_forgets_in_time() -> None:
    limiter = SourceLimiter(burst=3, per_second=1)
    for _ in range(3):
        assert not limiter.blocked("a", 0)
        limiter.spend("a", 0)
    assert limiter.blocked("a", 0)
    assert not limiter.blocked("b", 0)
    assert not limiter.blocked("a", 1)
    limiter.spend("a", 1)
    assert limiter.blocked("a", 0.5), "a clock that goes back gives nothing away"


def test_the_limiter_remembers_a_bounded_number_of_sources() -> None:
    limiter = SourceLimiter()
    for n in range(MAX_SOURCES + 50):
        limiter.spend(str(n), 0)
    assert len(limiter._buckets) == MAX_SOURCES


@pytest.mark.parametrize(
    ("client", "source"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", 1), "192.0.2.7"),
        (("testclient", 1), "testclient"),
        (None, "unknown"),
    ],
)
def test_a_source_is_what_one_party_controls(client: tuple[str, int] | None, source: str) -> None:
    assert source_of(client) == source
