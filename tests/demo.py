"""`make demo`: the main job for real on this one machine, narrated.

Organisation, broker, agent, ticket, consent, diagnosis, log search, screenshot, hand-over to the next tier, an
approved fix that repairs a fault the demo makes, its undo, resolution and audit verification: all through the
documented command lines. Everything is left below `.demo/`. Exits non-zero if any step fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.world import ROOT, CommandFailed, Machine, Person, Result, World, wait_until

FOLDER = ROOT / ".demo"
_COLOUR = sys.stdout.isatty()


def say(text: str) -> None:
    print(f"\n\x1b[1m{text}\x1b[0m" if _COLOUR else f"\n== {text}", flush=True)


def announce(result: Result) -> None:
    """The command as a person would type it, and what it printed; polling is left out."""
    if "--json" in result.argv:
        return
    words = [word if word and " " not in word else f'"{word}"' for word in result.argv]
    line = " ".join(words).replace(str(FOLDER), ".demo").replace(str(ROOT) + "/.venv/bin/", "")
    print(f"  $ {line[:200]}    ({result.seconds:.1f} s)")
    for text in (result.err, result.out):
        for shown in text.rstrip().splitlines()[:30]:
            print(f"    {shown[:160]}")
    sys.stdout.flush()


@contextmanager
def display() -> Iterator[str]:
    """The screen there is, or a virtual one with a window on it."""
    if os.environ.get("DISPLAY"):
        yield os.environ["DISPLAY"]
        return
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    window = None
    try:
        with os.fdopen(read) as number:
            name = f":{number.readline().strip()}"
        window = subprocess.Popen(
            [
                "xterm",
                "-geometry",
                "100x30+80+60",
                "-fa",
                "Monospace",
                "-e",
                "top -n 1 -b | head -25; sleep 600",
            ],
            env={**os.environ, "DISPLAY": name},
            stderr=subprocess.DEVNULL,
        )
        yield name
    finally:
        for process in (window, server):
            if process is not None:
                process.terminate()
                process.wait(10)


def organisation(world: World) -> tuple[Person, Person]:
    say("1. An organisation: its keys are made here and never reach the broker")
    world.init_organisation()
    say("2. The broker: one process, one port, TLS always")
    world.start_broker()
    world.admin("org", "customer", "add", "acme", "--name", "Acme Ltd")
    for fix in sorted((ROOT / "fixes").iterdir()):
        if (fix / "manifest.toml").exists():
            world.admin("org", "fix", "add", str(fix))
    world.admin("org", "publish")
    say("3. Two technicians join with their SSH keys; there are no passwords")
    return world.technician("ana", tier=1), world.technician("bo", tier=2)


def diagnosis(world: World, machine: Machine, ana: Person, ticket: str) -> None:
    say("7. Two commands to the cause: diagnosis and log search")
    ana("diagnose", ticket)
    log = Path("/var/log/relevo-demo.log")
    if os.access("/var/log", os.W_OK):
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        log.write_text(f"{now} backup: cannot start, lock is held password=hunter2\n")
        try:
            found = ana("logs", ticket, "--since", "1h", "--grep", "lock is held")
        finally:
            log.unlink()
        if "hunter2" in found.out or "lock is held" not in found.out:
            raise AssertionError("the log search did not find the line, or let a password through")
    say("8. A screenshot, which only the people it was sealed to can open")
    ana("screenshot", ticket, "-o", str(world.folder / "screen.png"))


def session(machine: Machine, who: Person, ticket: str, scopes: str, reason: str) -> None:
    """The technician asks, the person reads what is asked, by whom and why, and allows it."""
    asking = who.begin("session", "open", ticket, "--scope", scopes, "--minutes", "10", "--reason", reason)
    request = machine.request()
    machine("requests")
    machine("allow", request["id"])
    out, err = asking.communicate(timeout=60)
    announce(Result(tuple(str(word) for word in asking.args), asking.returncode, out, err, 0.0))  # type: ignore[union-attr]
    if asking.returncode:
        raise AssertionError("the session did not open")


def end_session(machine: Machine, who: Person, ticket: str) -> None:
    who("session", "end", ticket)
    wait_until(
        "the session to end on the machine", lambda: not machine("status", "--json").json()["sessions"]
    )


def hand_over(machine: Machine, ana: Person, bo: Person, ticket: str) -> None:
    say(
        "9. The first tier has looked everywhere and hands over; what it saw goes along, its session does not"
    )
    end_session(machine, ana, ticket)
    ana("kb", "search", "backup lock", "--ticket", ticket)
    ana(
        "ticket", "escalate", ticket, "--to", "2", "--reason-code", "no_kb_match",
        "--question", "Who holds the lock of the backup?",
    )  # fmt: skip
    bo("ticket", "accept", ticket)
    session(machine, bo, ticket, "diagnose,fix", "Remove the lock that stops the backup")


def repair(locks: Path, bo: Person, ticket: str) -> None:
    say("10. A fault: a lock file whose owner is gone. Check, plan, apply, verify")
    gone = subprocess.Popen(["true"])
    gone.wait()
    lock = locks / "backup.lock"
    lock.write_text(f"{gone.pid}\n")
    param = ("--param", f"path={lock}")
    bo("fix", "plan", ticket, "stale-lock", *param)
    bo("fix", "run", ticket, "stale-lock", *param, "--yes")
    if lock.exists():
        raise AssertionError("the fix did not repair the fault")
    say("11. And back again: the undo restores what was there")
    bo("fix", "undo", ticket, "stale-lock", "--yes")
    if not lock.exists():
        raise AssertionError("the undo did not restore the file")
    bo("fix", "run", ticket, "stale-lock", *param, "--yes")


def main_job(world: World, screen: str) -> None:
    ana, bo = organisation(world)
    say("4. A person installs the agent with a one-use token")
    machine = world.machine(env={"DISPLAY": screen})
    say("5. The person asks for help")
    ticket = machine.ask("My backup does not start any more")
    ana("ticket", "list")
    ana("ticket", "take", ticket)
    ana("ticket", "reply", ticket, "I will have a look; you will be asked first.")
    say("6. The technician asks for a session, the person reads what is asked and allows it")
    session(machine, ana, ticket, "diagnose,logs,screenshot", "Find out why the backup does not start")
    diagnosis(world, machine, ana, ticket)
    hand_over(machine, ana, bo, ticket)
    with tempfile.TemporaryDirectory(prefix="relevo-demo-") as locks:  # the fix may touch /tmp, not .demo
        repair(Path(locks), bo, ticket)
    say("12. Resolved, session ended; what was learnt becomes an article; closed")
    end_session(machine, bo, ticket)
    bo(
        "ticket", "resolve", ticket, "Removed the stale lock of a backup that was killed",
        "--cause", "software", "--article", "new",
    )  # fmt: skip
    machine("rate", ticket, "5", "Quick, and I saw everything")
    bo("ticket", "close", ticket, "--reason", "They say it works")
    ana("ticket", "show", ticket)
    say("13. The person's own receipt: who saw, ran and changed what")
    machine("receipts")
    say("14. Nobody has to believe the broker: the log is verified with the client's own keys")
    world.admin("audit", "verify")
    bo("audit", "show", ticket)


def main() -> int:
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    world = World(FOLDER, announce=announce)
    try:
        with display() as screen:
            main_job(world, screen)
    except (CommandFailed, AssertionError, subprocess.SubprocessError) as error:
        say(f"The demo failed: {error}")
        return 1
    finally:
        world.close()
    say(f"Done in {time.monotonic() - began:.0f} s. Its files are in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
