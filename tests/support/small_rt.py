"""As much of Request Tracker's REST 2 as the connector asks for, in memory, and able to misbehave.

The real one is in tests/peers. This one lies, stumbles and falls silent, which the real one does not do on
demand.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "1-14-0123456789abcdef0123456789abcdef"
QUEUES = {"Acme": 3, "Globex": 4, "Private": 5}
Answer = tuple[int, Any]


class SmallRt(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tickets: dict[int, dict[str, Any]] = {}
        self.rows: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.spoil: Callable[[str, str], bytes | None] = lambda method, path: None
        """Gives the whole raw answer instead of the honest one."""
        self.lose: Callable[[str, str], bool] = lambda method, path: False
        """The request is carried out, and its answer is never sent."""
        self.torn: set[str] = set()
        """Transactions whose fields it fails to show, and with them every list that would show those."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def log(self, ticket: int, kind: str, who: str, text: str = "", **fields: str) -> dict[str, Any]:
        row = {
            "id": str(len(self.rows) + 1),
            "Type": kind,
            "Creator": {"id": who},
            "Created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ObjectId": str(ticket),
            "text": text,
            "html": False,
            **fields,
        }
        self.rows.append(row)
        return row

    def open(self, subject: str, text: str, *, queue: str = "Acme", who: str = "bob@acme.test") -> str:
        number = len(self.tickets) + 1
        self.tickets[number] = {
            "id": number,
            "Subject": subject,
            "Status": "new",
            "Queue": {"id": str(QUEUES[queue])},
            "Creator": {"id": who},
            "Requestor": [{"id": who}] if "@" in who else [],
            "_hyperlinks": [],
        }
        self.log(number, "Create", who, text)
        return str(number)

    def say(self, ticket: str, text: str, who: str = "bob@acme.test") -> None:
        self.log(int(ticket), "Correspond", who, text)

    def set(self, ticket: str, status: str, who: str = "alice") -> None:
        one = self.tickets[int(ticket)]
        self.log(int(ticket), "Status", who, OldValue=one["Status"], NewValue=status)
        one["Status"] = status

    def own(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["Type"] == kind and row["Creator"]["id"] == "relevo"]

    # --- answers -------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        for wanted, pattern, handler in _ROUTES:
            found = re.fullmatch(pattern, path)
            if wanted == method and found:
                return handler(self, *found.groups(), query=query, body=body)
        return 404, {"message": "Not Found"}

    def transactions(self, *, query: dict[str, str], body: Any) -> Answer:
        text = query["query"]
        after = int(m[1]) if (m := re.search(r"id > (\d+)", text)) else 0
        only = int(m[1]) if (m := re.search(r"id = (\d+)", text)) else None
        found = [row for row in self.rows if (int(row["id"]) == only if only else int(row["id"]) > after)]
        if query.get("order") == "DESC":
            found.reverse()
        size, page = int(query["per_page"]), int(query.get("page", "1"))
        shown = found[(page - 1) * size : page * size]
        if "fields" not in query:
            return 200, {"items": [{"id": row["id"], "type": "transaction"} for row in shown]}
        if self.torn & {row["id"] for row in shown}:
            return 500, {"message": "Internal Server Error"}
        return 200, {"items": shown}

    def history(self, ticket: str, *, query: dict[str, str], body: Any) -> Answer:
        limits = {one["field"]: one["value"] for one in json.loads(query["query"])}
        found = [row for row in self.rows if row["ObjectId"] == ticket]
        if "Type" in limits:
            found = [row for row in found if row["Type"] == limits["Type"]]
        if "Creator" in limits:
            found = [
                row
                for row in found
                if row["Creator"]["id"] == "relevo" and int(row["id"]) > int(limits["id"])
            ]
        return 200, {"items": found}

    def create(self, *, query: Any, body: dict[str, Any]) -> Answer:
        number = self.open(body["Subject"], body["Content"], queue=body["Queue"], who="relevo")
        one = self.tickets[int(number)]
        one["Status"] = body["Status"]
        one["_hyperlinks"].append({"ref": "refers-to", "_url": body["RefersTo"]})
        return 201, {"id": number, "type": "ticket"}

    def show(self, ticket: str, *, query: Any, body: Any) -> Answer:
        one = self.tickets.get(int(ticket))
        return (200, one) if one else (404, {"message": "Not Found"})

    def change(self, ticket: str, *, query: Any, body: dict[str, Any]) -> Answer:
        if "Status" in body:
            self.set(ticket, body["Status"], who="relevo")
        else:
            self.tickets[int(ticket)]["_hyperlinks"].append({"ref": "refers-to", "_url": body["AddRefersTo"]})
        return 200, ["done"]

    def message(self, ticket: str, kind: str, *, query: Any, body: dict[str, Any]) -> Answer:
        self.log(int(ticket), kind.capitalize(), "relevo", body["Content"], Data=body["Subject"])
        return 201, ["Correspondence added"]

    def search(self, *, query: dict[str, str], body: Any) -> Answer:
        link = query["query"].split("'")[1]
        found = [
            one
            for one in self.tickets.values()
            if one["Creator"]["id"] == "relevo" and any(row["_url"] == link for row in one["_hyperlinks"])
        ]
        return 200, {"items": [{"id": str(one["id"])} for one in found]}

    def parts(self, transaction: str, *, query: Any, body: Any) -> Answer:
        return 200, {"items": [{"id": transaction}]}

    def part(self, transaction: str, *, query: Any, body: Any) -> Answer:
        row = self.rows[int(transaction) - 1]
        kind = "text/html" if row["html"] else "text/plain"
        return 200, {"ContentType": kind, "Content": base64.encodebytes(row["text"].encode()).decode()}

    def user(self, name: str, *, query: Any, body: Any) -> Answer:
        known = {"14": "relevo", "relevo": "relevo", "alice": "alice"}.get(name)
        if known:
            return 200, {"Name": known, "RealName": known.title(), "Privileged": 1}
        return 200, {"Name": name, "EmailAddress": name if "@" in name else None, "Privileged": 0}

    def queue(self, name: str, *, query: Any, body: Any) -> Answer:
        return (
            (200, {"id": QUEUES[name], "Name": name}) if name in QUEUES else (404, {"message": "Not Found"})
        )

    def system(self, *, query: Any, body: Any) -> Answer:
        return 200, {"Version": "5.0.3"}


_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", "/rt", SmallRt.system),
    ("GET", "/transactions", SmallRt.transactions),
    ("GET", r"/ticket/(\d+)/history", SmallRt.history),
    ("GET", r"/ticket/(\d+)", SmallRt.show),
    ("GET", "/tickets", SmallRt.search),
    ("POST", "/ticket", SmallRt.create),
    ("PUT", r"/ticket/(\d+)", SmallRt.change),
    ("POST", r"/ticket/(\d+)/(correspond|comment)", SmallRt.message),
    ("GET", r"/transaction/(\d+)/attachments", SmallRt.parts),
    ("GET", r"/attachment/(\d+)", SmallRt.part),
    ("GET", r"/user/([^/]+)", SmallRt.user),
    ("GET", r"/queue/([^/]+)", SmallRt.queue),
)


class _Handler(BaseHTTPRequestHandler):
    server: SmallRt
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        size = int(self.headers.get("content-length", "0"))
        content = self.rfile.read(size) if size else b"{}"
        parts = urlsplit(self.path)
        path = unquote(parts.path).removeprefix("/REST/2.0")
        self.server.asked.append((self.command, path))
        spoiled = self.server.spoil(self.command, path)
        if spoiled is not None:
            self.close_connection = True
            self.wfile.write(spoiled)
            return
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.headers.get("authorization") != f"token {TOKEN}":
            status, found = 401, {"message": "Unauthorized"}
        else:
            status, found = self.server.answer(self.command, path, query, json.loads(content))
        if self.server.lose(self.command, path):
            self.close_connection = True
            return
        raw = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PUT = _serve

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def small_rt() -> Iterator[SmallRt]:
    server = SmallRt()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
