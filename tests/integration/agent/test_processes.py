"""Starting programs: bounded, unshelled, unshared, and ended whole."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import processes
from agent.processes import Confinement, find_program, kill_session, own_program, run, spawn
from protocol.errors import Code, RelevoError


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):  # it may go while it is read
            return True
        time.sleep(0.01)
    return False


def test_output_status_and_input_pass() -> None:
    done = run(
        python("import sys; sys.stdout.write(sys.stdin.read()); sys.exit(3)"), timeout_s=20, stdin=b"hello"
    )
    assert (done.rc, done.stdout, done.timed_out) == (3, b"hello", False)


def test_more_input_than_a_pipe_holds_passes_while_output_comes() -> None:
    data = os.urandom(3 << 20)
    done = run(["cat"], timeout_s=30, stdin=data, output_limit_bytes=8 << 20)
    assert done.stdout == data


def test_a_program_that_does_not_read_its_input_is_no_problem() -> None:
    assert run(["true"], timeout_s=20, stdin=b"x" * (1 << 20)).rc == 0


def test_arguments_are_never_read_by_a_shell(tmp_path: Path) -> None:
    hostile = f"; touch {tmp_path}/owned $(touch {tmp_path}/owned) `touch {tmp_path}/owned`"
    assert run(["echo", hostile], timeout_s=20).text == f"{hostile}\n"
    assert not list(tmp_path.iterdir())


def test_nothing_of_our_environment_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.setenv("LD_PRELOAD", "")
    names = {
        line.partition("=")[0] for line in run(["env"], timeout_s=20, env={"EXTRA": "1"}).text.splitlines()
    }
    assert names == {*processes.ENVIRONMENT, "EXTRA"}


def test_no_descriptor_of_ours_is_inherited(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        assert str(tmp_path) not in run(["ls", "-l", "/proc/self/fd"], timeout_s=20).text


def test_programs_come_from_the_fixed_path_whatever_ours_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = tmp_path / "cat"
    evil.write_text("#!/bin/sh\n")
    evil.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert find_program("cat") in ("/usr/bin/cat", "/bin/cat")


@pytest.mark.parametrize("name", ["./cat", "bin/cat", "../cat", ""])
def test_a_relative_program_is_refused(name: str) -> None:
    with pytest.raises(RelevoError) as refused:
        run([name], timeout_s=1)
    assert refused.value.code is Code.PARAMETER_INVALID


def test_nul_in_an_argument_is_refused() -> None:
    with pytest.raises(RelevoError) as refused:
        run(["echo", "a\0b"], timeout_s=1)
    assert refused.value.code is Code.PARAMETER_INVALID


@pytest.mark.parametrize("name", ["no-such-program-here", "/etc/passwd", "/usr/bin"])
def test_a_program_that_is_not_there_is_not_found(name: str) -> None:
    with pytest.raises(RelevoError) as missing:
        run([name], timeout_s=1)
    assert missing.value.code is Code.NOT_FOUND


def test_a_flood_keeps_head_and_tail_and_counts_what_is_dropped() -> None:
    code = "import sys; sys.stdout.write('HEAD' + 'x' * 5_000_000 + 'TAIL')"
    done = run(python(code), timeout_s=60, output_limit_bytes=1_000)
    assert done.stdout.startswith(b"HEAD")
    assert done.stdout.endswith(b"TAIL")
    assert done.stdout_cut is not None
    assert len(done.stdout) == 1_000 == done.stdout_cut.head + done.stdout_cut.tail
    assert done.stdout_cut.dropped == 5_000_008 - 1_000


def test_at_the_deadline_the_whole_session_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    hangs = (
        f'trap "" TERM; sleep 600 & echo $$ $! > {pids}; wait'  # a shell: there at once on a busy machine too
    )
    done = run(["sh", "-c", hangs], timeout_s=3)
    assert done.timed_out
    assert done.rc == -9
    assert [gone(int(pid)) for pid in pids.read_text().split()] == [True, True]


def test_a_daemon_that_keeps_the_pipes_open_does_not_hold_us(tmp_path: Path) -> None:
    """As init scripts do: the program ends, what it started lives on with our pipes."""
    code = (
        "import os, time\n"
        "print('started', flush=True)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        f"while not os.path.exists({str(tmp_path / 'pid')!r}): time.sleep(0.01)"
    )
    done = run(python(code), timeout_s=60)
    pid = int((tmp_path / "pid").read_text())
    try:
        assert (done.rc, done.stdout, done.timed_out) == (0, b"started\n", False)
        assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    finally:
        os.kill(pid, 9)


def test_limits_hold_for_the_program() -> None:
    eats = run(
        python("bytearray(1 << 30)"), timeout_s=30, confinement=Confinement(address_space_bytes=256 << 20)
    )
    assert b"MemoryError" in eats.stderr
    burns = run(python("while True: pass"), timeout_s=60, confinement=Confinement(cpu_s=1))
    assert not burns.timed_out
    assert burns.rc == -9


def test_files_that_grow_too_large_are_stopped(tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'big')!r}, 'wb').write(bytes(2 << 20))"
    done = run(python(code), timeout_s=30, confinement=Confinement(file_size_bytes=1 << 20))
    assert done.rc != 0
    assert (tmp_path / "big").stat().st_size <= 1 << 20


def test_low_priority_is_low_for_processor_and_storage() -> None:
    done = run(
        python("import os; print(os.nice(0))"), timeout_s=30, confinement=Confinement(low_priority=True)
    )
    assert int(done.text) >= 10
    assert "idle" in run(["ionice"], timeout_s=20, confinement=Confinement(low_priority=True)).text


def test_a_confined_program_dies_with_us() -> None:
    """The parent is killed with SIGKILL and can clean nothing up; the kernel does."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from agent.processes import Confinement, run\n"
        "run(['sh', '-c', 'echo $$ > ' + sys.argv[2] + '; exec sleep 600'], timeout_s=600,\n"
        "    confinement=Confinement(dies_with_parent=True))"
    )
    root = str(Path(processes.__file__).parents[1])
    path = Path(f"/tmp/relevo-dies-{os.getpid()}")
    try:
        pid = os.posix_spawn(sys.executable, [sys.executable, "-c", code, root, str(path)], os.environ)
        deadline = time.monotonic() + 30
        while not (path.exists() and path.read_text().strip()) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        assert gone(int(path.read_text()))
    finally:
        path.unlink(missing_ok=True)


async def test_a_spawned_child_talks_over_its_pipes_and_leads_its_own_session(tmp_path: Path) -> None:
    with (tmp_path / "err").open("wb") as errors:
        code = "import os, sys; print(os.getsid(0) == os.getpid(), flush=True); sys.stderr.write(input())"
        child = await spawn(python(code), stderr=errors)
        assert child.stdin is not None
        assert child.stdout is not None
        async with asyncio.timeout(30):
            assert await child.stdout.readline() == b"True\n"
            child.stdin.write(b"noted\n")
            assert await child.wait() == 0
    assert (tmp_path / "err").read_bytes() == b"noted"


async def test_one_of_our_own_programs_finds_our_code_wherever_it_starts() -> None:
    child = await spawn(own_program("agent.collectors.host"))
    assert child.stdin is not None
    child.stdin.close()
    async with asyncio.timeout(30):
        assert await child.wait() == 0


def test_killing_a_session_that_is_gone_is_nothing() -> None:
    done = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(done, 0)
    kill_session(done)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=30), st.integers(min_value=2, max_value=40))
def test_kept_output_is_a_prefix_and_a_suffix_that_account_for_every_byte(
    pieces: list[bytes], limit: int
) -> None:
    kept = processes._Kept(limit)
    for piece in pieces:
        kept.add(piece)
    whole = b"".join(pieces)
    data, cut = kept.result()
    assert len(data) <= limit
    if cut is None:
        assert data == whole
    else:
        assert data[: cut.head] == whole[: cut.head]
        assert data[cut.head :] == whole[len(whole) - cut.tail :]
        assert cut.head + cut.tail + cut.dropped == len(whole)
