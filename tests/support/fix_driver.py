"""A process that runs one fix and can be killed at any state: ``python -m tests.support.fix_driver FOLDER STATE``.

It prints each state it is about to enter; at STATE it waits to be killed. ``none`` waits nowhere.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from tests.support.fixing import FixWorld

TOML = """
id = "count"
version = 1
owner = "ops"
platforms = ["linux"]
risk = "low"
reversible = "yes"
run_as = "user"
timeout_s = {timeout}
output_limit_bytes = 2048
title = {{en = "t", es = "t"}}
description = {{en = "d", es = "d"}}
check = {{run = ["step.py", "check"]}}
plan = {{run = ["step.py", "plan"]}}
apply = {{run = ["step.py", "apply"]}}
undo = {{run = ["step.py", "undo"]}}
verify = {{retries = 1}}
snapshot = {{files = ["{{mark}}"]}}
approval = {{consent = "ask"}}
params = [
  {{name = "mark", type = "path", roots = ["{root}"], title = {{en = "m", es = "m"}}}},
  {{name = "how", type = "string", default = "well", title = {{en = "m", es = "m"}}}},
]
"""
STEP = b"""
import json, os, subprocess, sys, time
given = json.load(sys.stdin)
mark, how = given["params"]["mark"], given["params"]["how"]
word = sys.argv[1]
with open(mark + ".log", "a") as log:
    log.write(word + "\\n")
if word == "check":
    if how == "blind" and os.path.exists(mark):
        sys.exit(0)
    sys.exit(1 if os.path.exists(mark) else 0)
if word == "plan":
    print("make", mark)
if word == "apply":
    open(mark, "w").close()
    if how == "fails":
        sys.exit(7)
    if how in ("hangs", "hangs-hard"):
        code = "import os,time\\nos.setsid()\\n" if how == "hangs-hard" else "import time\\n"
        child = subprocess.Popen([sys.executable, "-c", code + "time.sleep(100)"])
        with open(mark + ".child", "w") as file:
            file.write(f"{child.pid} {os.getpid()}")
        time.sleep(100)
    if how == "floods":
        print("begin")
        for _ in range(200000):
            print("x" * 99)
        print("end")
if word == "undo" and how == "blind-broken":
    sys.exit(3)
"""


def make_world(folder: Path, timeout: int = 30) -> FixWorld:
    world = FixWorld(folder)
    (folder / "ground").mkdir(exist_ok=True)
    world.served.add(TOML.format(root=folder / "ground", timeout=timeout).encode(), {"step.py": STEP})
    return world


async def _main(folder: Path, stop_at: str, how: str) -> None:
    world = make_world(folder)

    def wait() -> None:
        time.sleep(100)

    told = world.watcher.entering

    async def entering(run: object) -> None:
        print(run.state, flush=True)  # type: ignore[attr-defined]
        await told(run)  # type: ignore[arg-type]

    world.watcher.entering = entering  # type: ignore[method-assign, assignment]
    world.watcher.hooks[stop_at] = wait
    mark = str(folder / "ground" / "mark")
    await world.run("count", mark=mark, how=how)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
