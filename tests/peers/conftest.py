from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.rt_instance import RequestTracker, request_tracker


@pytest.fixture(scope="session")
def rt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RequestTracker]:
    with request_tracker(tmp_path_factory.mktemp("rt")) as made:
        yield made
