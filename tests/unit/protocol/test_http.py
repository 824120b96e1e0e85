"""The pinned HTTPS client, against servers that are wrong, slow, greedy or somebody else."""

from __future__ import annotations

import socket

import pytest

from protocol.api import Problem
from protocol.drivers.http import BrokerHttp, address, fetch_certificate_sha256, wss
from protocol.errors import Code, RelevoError
from protocol.ids import org_id
from protocol.publication import Published
from protocol.wire import to_json
from tests.support.https_server import Answer, Got, Handler, https

PUBLISHED = Published(org=org_id(b"x"), targets_version=3, snapshot_version=4)


def always(answer: Answer) -> Handler:
    return lambda _: answer


def problem(code: str, status: int = 403, detail: str = "no") -> Answer:
    body = Problem(
        type="about:blank", title="t", status=status, detail=detail, code=code, reference="ABCD1234"
    )
    return Answer(status, to_json(body), (("content-type", "application/problem+json"),))


def code_of(http: BrokerHttp, **limits: float) -> Code:
    with pytest.raises(RelevoError) as caught:
        http.request("GET", "/x", **limits)
    return caught.value.code


def test_the_certificate_with_the_pinned_hash_is_enough() -> None:
    with https(always(Answer(body=to_json(PUBLISHED)))) as server:
        http = BrokerHttp(server.url, server.tls_sha256, "bearer-1")
        assert http.post_json("/v1/org/publish?x=1", {"a": 1}, Published) == PUBLISHED
        assert http.get_json("/v1/x", Published) == PUBLISHED
        http.close()
    first, second = server.got
    assert (first.method, first.path, first.body) == ("POST", "/v1/org/publish?x=1", b'{"a":1}')
    assert first.headers["authorization"] == "Bearer bearer-1"
    assert first.headers["content-type"] == "application/json"
    assert second.method == "GET"


def test_another_certificate_gets_nothing_sent() -> None:
    with https(always(Answer())) as server:
        http = BrokerHttp(server.url, "0" * 64, "bearer-1")
        assert code_of(http) is Code.IDENTITY_MISMATCH
        assert server.got == []


def test_without_a_pin_an_unknown_authority_is_refused() -> None:
    with https(always(Answer())) as server:
        assert code_of(BrokerHttp(server.url, None)) is Code.IDENTITY_MISMATCH
        assert server.got == []


def test_older_tls_is_not_spoken() -> None:
    with https(always(Answer()), tls12=True) as server:
        assert code_of(BrokerHttp(server.url, server.tls_sha256)) is Code.UNREACHABLE
        assert server.got == []


def test_the_brokers_own_code_comes_back() -> None:
    with https(always(problem("tier-too-low"))) as server:
        http = BrokerHttp(server.url, server.tls_sha256)
        with pytest.raises(RelevoError) as caught:
            http.request("GET", "/x")
    assert caught.value.code is Code.TIER_TOO_LOW
    assert "ABCD1234" in caught.value.detail


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem("no-such-code-at-all", 404), Code.NOT_FOUND),
        (Answer(401, b"<html>"), Code.UNAUTHENTICATED),
        (Answer(413, b""), Code.TOO_LARGE),
        (Answer(429, b""), Code.RATE_LIMITED),
        (Answer(418, b""), Code.REFUSED),
        (Answer(502, b""), Code.UNREACHABLE),
        (Answer(400, b"{", (("content-type", "application/problem+json"),)), Code.MALFORMED),
    ],
)
def test_an_error_without_a_problem_we_know_is_judged_by_its_status(answer: Answer, code: Code) -> None:
    with https(always(answer)) as server:
        assert code_of(BrokerHttp(server.url, server.tls_sha256)) is code


def test_a_redirect_is_not_followed() -> None:
    def redirect(got: Got) -> Answer:
        return Answer(302, b"", (("location", "/elsewhere"),))

    with https(redirect) as server:
        assert code_of(BrokerHttp(server.url, server.tls_sha256, "secret")) is Code.MALFORMED
        assert len(server.got) == 1


def test_an_answer_over_the_limit_is_cut_off() -> None:
    with https(always(Answer(body=b"x" * 100_000))) as server:
        http = BrokerHttp(server.url, server.tls_sha256)
        assert code_of(http, limit=99_999) is Code.TOO_LARGE
        assert len(http.request("GET", "/x", limit=100_000).body) == 100_000


def test_an_answer_that_ends_early_is_no_answer() -> None:
    with https(always(Answer(body=b"{}", length=500))) as server:
        assert code_of(BrokerHttp(server.url, server.tls_sha256)) is Code.UNREACHABLE


def test_an_answer_of_another_shape_is_malformed() -> None:
    with https(always(Answer(body=b'{"org":"x","extra":1}'))) as server:
        http = BrokerHttp(server.url, server.tls_sha256)
        with pytest.raises(RelevoError) as caught:
            http.get_json("/x", Published)
    assert caught.value.code is Code.MALFORMED


def test_a_compressed_bomb_stays_compressed() -> None:
    headers = (("content-type", "application/json"), ("content-encoding", "gzip"))
    with https(always(Answer(body=b"\x1f\x8b not really gzip", headers=headers))) as server:
        http = BrokerHttp(server.url, server.tls_sha256)
        assert http.request("GET", "/x").body == b"\x1f\x8b not really gzip"


def test_a_broker_that_accepts_and_says_nothing_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        http = BrokerHttp(f"wss://127.0.0.1:{listener.getsockname()[1]}", "0" * 64)
        assert code_of(http, deadline_s=0.2) in (Code.TIMEOUT, Code.UNREACHABLE)


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert code_of(BrokerHttp(f"wss://127.0.0.1:{port}", "0" * 64)) is Code.UNREACHABLE
    with pytest.raises(RelevoError) as caught:
        fetch_certificate_sha256(f"wss://127.0.0.1:{port}")
    assert caught.value.code is Code.UNREACHABLE


def test_the_certificate_can_be_looked_at_before_anything_is_sent() -> None:
    with https(always(Answer())) as server:
        assert fetch_certificate_sha256(server.url) == server.tls_sha256
        assert server.got == []


@pytest.mark.parametrize(
    "url",
    [
        "http://h:1",
        "ws://h:1",
        "h:1",
        "wss://",
        "wss://user@h:1",
        "wss://h:1/path",
        "wss://h:1?q",
        "wss://h:x",
        "wss://h:99999",
        "file:///etc/passwd",
        "wss://[::1",
    ],
)
def test_only_encrypted_urls_of_a_host_are_accepted(url: str) -> None:
    with pytest.raises(RelevoError) as caught:
        address(url)
    assert caught.value.code is Code.USAGE


def test_both_spellings_of_an_address_are_one() -> None:
    assert wss("https://h.example:8443/") == wss("wss://h.example:8443") == "wss://h.example:8443"
    assert address("wss://h.example") == ("h.example", 443)
    assert address("wss://[::1]:8443").https == "https://[::1]:8443"


def test_a_proxy_is_used_only_where_the_environment_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with https(always(Answer())) as server:
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
        monkeypatch.delenv("no_proxy", raising=False)
        assert code_of(BrokerHttp(server.url, server.tls_sha256)) is Code.UNREACHABLE
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert BrokerHttp(server.url, server.tls_sha256).request("GET", "/x").status == 200
