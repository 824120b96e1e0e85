"""Pictures of a real X display (Xvfb with a window on it), compared with ImageMagick's."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image, ImageChops

from agent.actions import screenshot as action
from agent.collectors.runner import CollectorHost
from protocol import assist
from protocol.audit import Action
from protocol.drivers.terminal import add_words
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance
from protocol.wording import screenshot as wording
from technician.cli.common import Progress
from technician.cli.screenshot import pictures, save
from tests.support import xmonitors
from tests.unit.agent.test_diagnose import Events, Sink, journal_of, session_for

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("Xvfb", "xlogo", "import", "xdpyinfo"))),
    reason="needs Xvfb, x11-apps, imagemagick",
)
add_words(wording.TABLE)
WAIT_S = 30.0


def _display(*arguments: str) -> tuple[subprocess.Popen[bytes], str]:
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-nolisten", "tcp", *arguments],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as ready:
        number = ready.readline().strip()
    return server, f":{number}"


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A display of 800x600 with an xlogo window that is drawn."""
    server, display = _display("-screen", "0", "800x600x24")
    window = subprocess.Popen(["xlogo", "-geometry", "300x200+40+30"], env={**os.environ, "DISPLAY": display})
    wait_for_colours(display)
    yield display
    window.kill()
    window.wait()
    server.terminate()
    server.wait()


def wait_for_colours(display: str) -> None:
    """The window is there once the picture holds more than the background."""
    done = threading.Event()
    for _ in range(200):
        if len(set(reference(display).tobytes())) > 1:
            return
        done.wait(0.05)
    raise AssertionError("no window was drawn")


def reference(display: str) -> Image.Image:
    """The root window as ImageMagick sees it."""
    taken = subprocess.run(
        ["import", "-display", display, "-window", "root", "png:-"],
        capture_output=True,
        check=True,
        timeout=30,
    )
    return Image.open(io.BytesIO(taken.stdout)).convert("RGB")


def takers_of_pictures() -> list[psutil.Process]:
    """The children that take pictures; others of ours may end while they are looked at."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "agent.screen" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.fixture
def seeing(screen: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return screen


async def test_the_picture_is_what_imagemagick_sees(seeing: str, tmp_path: Path) -> None:
    sink, events = Sink(), Events()
    session = session_for(tmp_path, Clearance.R1, sink, CollectorHost())
    await action.run(assist.Screenshot(), session, events)

    ids: list[str] = []
    (written,) = save(pictures(iter(events), Progress(), ids), tmp_path / "screen.png")
    with Image.open(written.path) as picture:
        assert picture.size == (800, 600)
        assert ImageChops.difference(picture.convert("RGB"), reference(seeing)).getbbox() is None
    (kept,) = sink.kept
    assert (kept.kind, kept.clearance, kept.seal, kept.media_type) == (
        "screenshot",
        Clearance.R3,
        True,
        "image/png",
    )
    assert kept.content == events.content
    started, done = journal_of(session)
    assert (started.action, done.action) == (Action.SCREENSHOT_STARTED, Action.SCREENSHOT_DONE)
    facts = {fact.key: fact.value for fact in done.facts}
    assert (facts["monitors"], facts["sizes"], facts["artifacts"]) == ("1", "800x600", ids[0])


async def test_a_monitor_that_is_not_there_is_not_found(seeing: str, tmp_path: Path) -> None:
    session = session_for(tmp_path, Clearance.R1, Sink(), CollectorHost())
    with pytest.raises(RelevoError) as caught:
        await action.run(assist.Screenshot(monitor=9), session, Events())
    assert caught.value.code is Code.NOT_FOUND


async def test_each_monitor_is_a_picture_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, display = _display("-screen", "0", "900x400x24", "-noreset")
    try:
        areas = ("left=0,0,500,400", "right=500,100,400,300")
        subprocess.run([sys.executable, xmonitors.__file__, display, *areas], check=True, timeout=30)
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        events = Events()
        await action.run(
            assist.Screenshot(), session_for(tmp_path, Clearance.R1, Sink(), CollectorHost()), events
        )
        written = save(pictures(iter(events), Progress(), []), tmp_path / "m.png")
        assert [(Path(file.path).name, file.width, file.height) for file in written] == [
            ("m-1.png", 500, 400),
            ("m-2.png", 400, 300),
            ("m-3.png", 900, 400),  # the output itself, which no defined monitor claimed
        ]
        second = Events()
        other = tmp_path / "second"
        other.mkdir()
        await action.run(
            assist.Screenshot(monitor=2), session_for(other, Clearance.R1, Sink(), CollectorHost()), second
        )
        (one,) = save(pictures(iter(second), Progress(), []), tmp_path / "one.png")
        assert (one.width, one.height) == (400, 300)
    finally:
        server.terminate()
        server.wait()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"DISPLAY": ":987"},
        {"DISPLAY": "not a display"},
        {"DISPLAY": ":987", "WAYLAND_DISPLAY": "wayland-0"},
    ],
)
async def test_a_machine_without_a_screen_says_so(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    session = session_for(tmp_path, Clearance.R1, Sink(), CollectorHost())
    with pytest.raises(RelevoError) as caught:
        await action.run(assist.Screenshot(), session, Events())
    assert caught.value.code is Code.NOT_APPLICABLE
    assert caught.value.detail
    assert [entry.action for entry in journal_of(session)] == [Action.SCREENSHOT_STARTED]


async def test_a_display_that_hangs_costs_the_time_limit_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that accepts connections and never answers, as a stopped X server does."""
    server, display = _display("-screen", "0", "100x100x24")
    server.send_signal(signal.SIGSTOP)
    try:
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        monkeypatch.setattr(action, "TIME_LIMIT_S", 1.0)
        session = session_for(tmp_path, Clearance.R1, Sink(), CollectorHost())
        with pytest.raises(RelevoError) as caught:
            await action.run(assist.Screenshot(), session, Events())
        assert caught.value.code is Code.TIMEOUT
        assert takers_of_pictures() == []
    finally:
        server.send_signal(signal.SIGCONT)
        server.terminate()
        server.wait()


async def test_a_technician_who_leaves_ends_the_child(seeing: str, tmp_path: Path) -> None:
    began = asyncio.Event()

    async def emit(event: assist.Event) -> None:
        began.set()
        await asyncio.Event().wait()

    session = session_for(tmp_path, Clearance.R1, Sink(), CollectorHost())
    work = asyncio.create_task(action.run(assist.Screenshot(), session, emit))
    async with asyncio.timeout(WAIT_S):
        await began.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert takers_of_pictures() == []


async def test_a_ticket_that_cannot_keep_the_picture_is_an_error(seeing: str, tmp_path: Path) -> None:
    session = session_for(tmp_path, Clearance.R1, Sink(full=True), CollectorHost())
    with pytest.raises(RelevoError) as caught:
        await action.run(assist.Screenshot(), session, Events())
    assert caught.value.code is Code.UNREACHABLE


async def test_no_picture_is_taken_that_cannot_be_recorded(seeing: str, tmp_path: Path) -> None:
    session = session_for(tmp_path, Clearance.R1, Sink(), CollectorHost())
    session.journal.close()
    events = Events()
    with pytest.raises(RelevoError) as caught:
        await action.run(assist.Screenshot(), session, events)
    assert caught.value.code is Code.CANNOT_RECORD
    assert events == []
