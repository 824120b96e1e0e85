"""Relevo and a real Request Tracker 5: tickets on either side appear on the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.peers.bridge import Bridge, bridged, settings_of
from tests.peers.rt_instance import RequestTracker


@pytest.fixture
async def bridge(rt: RequestTracker, tmp_path: Path) -> AsyncIterator[Bridge]:
    async with bridged(tmp_path / "broker", settings_of(rt.url, rt.token_file)) as made:
        yield made


async def test_a_ticket_opened_here_is_opened_there_once(rt: RequestTracker, bridge: Bridge) -> None:
    ticket = await bridge.open("Impresora parada", "No imprime desde ayer")
    await bridge.looks()
    remote = await bridge.remote_of(ticket)
    found = rt.get(f"/ticket/{remote}")
    assert (found["Subject"], found["Status"]) == ("Impresora parada", "new")
    assert rt.links(remote) == [f"relevo:{bridge.world.org.org}/{ticket}"]
    created = rt.of_kind(remote, "Create")
    assert "No imprime desde ayer" in rt.words(created[0]["id"])
    assert [row["Type"] for row in rt.history(remote)] == ["Create"]
    assert await bridge.by_external(f"RT#{remote}") == [ticket]
    assert (await bridge.detail(ticket))["external"] == [f"RT#{remote}"]


async def test_a_ticket_opened_there_is_opened_here_once(rt: RequestTracker, bridge: Bridge) -> None:
    remote = rt.open("VPN", "<p>Hola, no <b>conecta</b></p>", html=True, Requestor="bob@acme.test")
    await bridge.looks()
    (ticket,) = await bridge.by_external(f"RT#{remote}")
    view = await bridge.view(ticket)
    assert (view.title, view.description, view.customer, view.channel) == (
        "VPN",
        "Hola, no conecta",
        "acme",
        "rt",
    )
    assert view.requester.startswith("mail-")
    assert rt.links(remote) == [f"relevo:{bridge.world.org.org}/{ticket}"]
    assert rt.status(remote) == "new"
    assert next(row for row in rt.history(remote) if row["Creator"]["id"] == "relevo")["Type"] == "AddLink"
