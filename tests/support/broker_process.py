"""A served broker in a process of its own, and an organisation that is paired with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker import setup
from broker.config import load_config
from protocol.api import Login as LoginAnswer
from protocol.api import LoginChallenge
from protocol.drivers.http import BrokerHttp
from protocol.publication import PairRequest, Published
from protocol.wire import from_json
from tests.support.broker_world import Org, new_broker, publication

START_S = 60.0


def run_cli(*arguments: str | Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "broker.cli", *map(str, arguments)]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=timeout, env=environment
    )


class Served:
    """``relevo-broker serve`` on a free port."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.log = data.parent / f"{data.name}.log"
        command = [
            sys.executable,
            "-m",
            "broker.cli",
            "serve",
            "--data",
            str(data),
            "--listen",
            "127.0.0.1:0",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *options], stdout=subprocess.PIPE, stderr=log, text=True
            )
        watchdog = threading.Timer(START_S, self.process.kill)
        watchdog.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        watchdog.cancel()
        assert line.startswith("ready https://127.0.0.1:"), self.log.read_text()
        self.url = line.split()[1]
        self.pairing = setup.read_pairing(load_config(data))

    def http(self, token: str | None = None) -> BrokerHttp:
        return BrokerHttp(self.url, self.pairing.tls_sha256, token)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def serving(data: Path, *options: str) -> Iterator[Served]:
    served = Served(data, *options)
    try:
        yield served
    finally:
        served.stop(signal.SIGKILL)


def make(data: Path) -> Org:
    """A broker in ``data``, as ``relevo-broker init`` makes it, and the organisation that will pair with it."""
    _config, pairing = new_broker(data)
    return Org(pairing)


def pair(served: Served, org: Org) -> Published:
    request = PairRequest(secret=served.pairing.secret, publication=publication(org.files()))
    return served.http().post_json("/v1/org/pair", request, Published)


def login(served: Served, org: Org, who: str, **changes: Any) -> str:
    http = served.http()
    request = org.login_request(who, challenge(http), **changes)
    return http.post_json("/v1/auth/login", request, LoginAnswer).token


def challenge(http: BrokerHttp) -> str:
    return from_json(http.request("POST", "/v1/auth/challenge").body, LoginChallenge).nonce
