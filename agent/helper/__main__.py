"""``python -m agent.helper --data DIR [--inherited]``: how a worker that is root starts one for itself."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from pathlib import Path

from agent.helper.main import run
from protocol.errors import RelevoError

_logger = logging.getLogger(__name__)


def main() -> int:
    parser = argparse.ArgumentParser(prog="relevo-agent-helper")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--inherited", action="store_true")
    parser.add_argument("--language", choices=("en", "es"))
    given = parser.parse_args()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    try:
        with contextlib.suppress(KeyboardInterrupt):
            run(given.data, inherited=given.inherited, language=given.language)
    except RelevoError as error:
        _logger.error("%s", error)  # noqa: TRY400 - a refusal, not a bug
        return int(error.exit_status)
    return 0


if __name__ == "__main__":
    sys.exit(main())
