"""A ProxyCommand for tests: the leg whose address is given as JSON in the arguments, on stdin and stdout."""

from __future__ import annotations

import asyncio
import json
import sys

from protocol.drivers.leg import LegAddress, LegTunnel
from protocol.drivers.stdio import pipe_stdio

if __name__ == "__main__":
    asyncio.run(pipe_stdio(LegTunnel(LegAddress(**json.loads(sys.argv[1])))))
