"""OpenAPI 3.1 of the HTTP API, made from the route table and the wire types; nothing is written twice."""

from __future__ import annotations

import functools
import re
from typing import Any

import msgspec

from broker.calls import Http, Open
from protocol import VERSION
from protocol.api import Problem

_PARAM = re.compile(r"\{(\w+)(?::\w+)?\}")
_SUMMARY = re.compile(r"^``[^`]*``:? ?")
"""A handler's docstring names its route first, which OpenAPI says already."""
_SCHEMAS = "#/components/schemas/{name}"


@functools.cache
def document() -> bytes:
    """The document as JSON."""
    from broker.routes import ROUTES  # the table names the handler that serves this document

    rows = [row for row in ROUTES if isinstance(row, Http)]
    kinds: list[type] = [Problem]
    kinds += [kind for row in rows for kind in (row.takes, row.gives) if isinstance(kind, type)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_SCHEMAS)
    by_kind = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(_PARAM.sub(r"{\1}", row.path), {})[row.method.lower()] = _operation(row, by_kind)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Relevo broker", "version": VERSION, "license": {"name": "Apache-2.0"}},
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            },
        }
    )


def _operation(row: Http, by_kind: dict[type, dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": row.handler.__name__,
        "summary": _SUMMARY.sub("", (row.handler.__doc__ or row.handler.__name__).split("\n")[0]),
        "parameters": _parameters(row),
        "responses": {
            "204" if row.gives is None else "200": _success(row, by_kind),
            "default": {
                "description": "RFC 9457 problem; `code` is from Relevo's closed list",
                "content": {"application/problem+json": {"schema": by_kind[Problem]}},
            },
        },
    }
    if row.takes is not None:
        content = {"application/json": {"schema": by_kind[row.takes]}}
        operation["requestBody"] = {"required": True, "content": content}
    if not isinstance(row.access, Open):
        operation["security"] = [{"bearer": []}]
        operation["x-relevo-roles"] = sorted(row.access)
    else:
        operation["security"] = []
        operation["x-relevo-access"] = row.access.value
    return operation


def _success(row: Http, by_kind: dict[type, dict[str, Any]]) -> dict[str, Any]:
    if row.gives is None:
        return {"description": "Done"}
    if isinstance(row.gives, str):
        return {"description": "Done", "content": {row.gives: {}}}
    return {"description": "Done", "content": {"application/json": {"schema": by_kind[row.gives]}}}


def _parameters(row: Http) -> list[dict[str, Any]]:
    string = {"type": "string"}
    path = [
        {"name": name, "in": "path", "required": True, "schema": string} for name in _PARAM.findall(row.path)
    ]
    return path + [{"name": name, "in": "query", "required": False, "schema": string} for name in row.query]
