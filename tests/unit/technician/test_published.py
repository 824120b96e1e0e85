"""What the holder asks the broker on the side: whatever comes back, it is a version or no answer."""

from __future__ import annotations

import pytest

from technician.published import Publication
from tests.support.https_server import Answer, https

GOOD = b'{"signatures": [], "signed": {"_type": "timestamp", "meta": {"snapshot.json": {"version": 7}}}}'


def test_the_version_that_the_timestamp_names_is_told_each_time_anew() -> None:
    with https(lambda got: Answer(body=GOOD.replace(b"7", str(len(server.got)).encode()))) as server:
        asking = Publication(server.url, server.tls_sha256)
        assert [asking.version(), asking.version()] == [1, 2]
        assert {one.path for one in server.got} == {"/repo/metadata/timestamp.json"}
        assert not any("authorization" in one.headers for one in server.got)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=404, body=b"{}"),
        Answer(status=302, headers=(("location", "https://127.0.0.1:1/"),)),
        Answer(body=b""),
        Answer(body=b"\xff\x00<html>"),
        Answer(body=b"[" * 10_000),
        Answer(body=b'{"signed": {"meta": {}}}'),
        Answer(body=GOOD.replace(b"7", b"0")),
        Answer(body=GOOD.replace(b"7", b"-7")),
        Answer(body=GOOD.replace(b"7", b"9" * 60)),
        Answer(body=GOOD.replace(b"7", b'"7"')),
        Answer(body=GOOD + b" " * (1 << 20)),
        Answer(body=GOOD, length=len(GOOD) + 10),
    ],
    ids=["gone", "redirect", "empty", "no-json", "nested", "nothing", "zero", "negative", "huge", "text", "bomb", "cut"],
)  # fmt: skip
def test_nonsense_is_no_answer(answer: Answer) -> None:
    with https(lambda got: answer) as server:
        assert Publication(server.url, server.tls_sha256).version() is None


def test_another_certificate_is_never_asked() -> None:
    with https(lambda got: Answer(body=GOOD)) as server:
        assert Publication(server.url, "00" * 32).version() is None
        assert server.got == []
