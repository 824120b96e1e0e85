"""One attempt against a real server that behaves badly: what it counts as, and that it ends."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from broker.outgoing import smtp, webhooks
from broker.outgoing.mails import Envelope, compose_test
from broker.outgoing.pace import End, Outcome
from broker.outgoing.settings import MailSettings, Webhook, new_secret, new_webhook_id
from broker.outgoing.smtp import Mailer
from broker.outgoing.webhooks import client_context, make_client, post, trial_call
from protocol.wire import to_json
from tests.support.receivers import Mailbox, Target, authority, http_target, smtp_server

ANA = "ana@user.test"


def settings(port: int, **more: object) -> MailSettings:
    return MailSettings(
        **{"host": "127.0.0.1", "port": port, "sender": "help@desk.test", "security": "plaintext"} | more  # type: ignore[arg-type]
    )


def mail(said: MailSettings, to: str = ANA) -> EmailMessage:
    return compose_test(Envelope(to, "es", "same-every-time", "", datetime(2026, 11, 20, tzinfo=UTC)), said)


async def send(said: MailSettings, *to: str) -> list[Outcome]:
    """Outcomes of one mail each, over one mailer."""
    async with Mailer(said, client_context(said.ca)) as mailer:
        return [await mailer.send(mail(said, address).as_bytes(), address) for address in to or (ANA,)]


# --- SMTP --------------------------------------------------------------------------------------


async def test_mails_of_a_batch_share_a_connection_and_a_refusal_stops_only_its_own() -> None:
    def answer(address: str) -> str:
        return {"gone@user.test": "550 no such user", "later@user.test": "451 greylisted"}.get(
            address, "250 OK"
        )

    async with smtp_server(Mailbox(recipients_answer=answer)) as box:
        found = await send(settings(box.port), ANA, "gone@user.test", "later@user.test", "bea@user.test")
        assert [one.end for one in found] == [End.SENT, End.REFUSED, End.LATER, End.SENT]
        assert [m["To"] for m in box.mails] == [ANA, "bea@user.test"]
        assert box.connections == 1
        assert [e.mail_from for e in box.envelopes] == ["help@desk.test"] * 2
        assert [e.rcpt_tos for e in box.envelopes] == [[ANA], ["bea@user.test"]]


@pytest.mark.parametrize(
    ("answer", "end"),
    [("451 later", End.LATER), ("554 spam", End.REFUSED), ("421 going down", End.DOWN), ("close", End.DOWN)],
)
async def test_what_a_server_says_to_the_words_of_a_mail(answer: str, end: End) -> None:
    async with smtp_server(Mailbox(data_answers=[answer])) as box:
        first, second = await send(settings(box.port), ANA, ANA)
        assert first.end is end
        assert second.end is End.SENT, second
        assert box.mails[0]["Message-ID"] == "<same-every-time@desk.test>"


async def test_a_server_that_hangs_is_left_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SEND_S", 1.0)
    async with smtp_server(Mailbox(data_answers=["hang"])) as box:
        box.on_data = lambda: monkeypatch.setattr(smtp, "SEND_S", 60.0)  # the second has all the time
        first, second = await send(settings(box.port), ANA, ANA)
        assert (first.end, second.end) == (End.DOWN, End.SENT)


async def test_no_server_at_all_is_down() -> None:
    async with smtp_server() as box:
        port = box.port
    assert (await send(settings(port)))[0].end is End.DOWN


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_login_over_verified_tls(security: str) -> None:
    ca = authority("127.0.0.1")
    secret = {"user": "help", "password": "geheim"}
    async with smtp_server(context=ca.context, implicit=security == "tls", password="geheim") as box:
        [done] = await send(settings(box.port, security=security, ca=ca.pem, **secret))
        assert done.end is End.SENT, done
        assert box.logins == [("help", "geheim")]
        [wrong] = await send(settings(box.port, security=security, ca=ca.pem, user="help", password="no"))
        assert wrong.end is End.DOWN
        assert "geheim" not in wrong.why


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("fault", ["another authority", "another name"])
async def test_a_certificate_that_does_not_fit_gets_neither_mail_nor_password(
    security: str, fault: str
) -> None:
    ca = authority("127.0.0.1" if fault == "another authority" else "mail.example.org")
    trusted = authority().pem if fault == "another authority" else ca.pem
    async with smtp_server(context=ca.context, implicit=security == "tls", password="geheim") as box:
        said = settings(box.port, security=security, ca=trusted, user="help", password="geheim")
        [done] = await send(said)
        assert done.end is End.DOWN
        assert not box.logins
        assert not box.mails


async def test_a_server_that_hides_starttls_is_not_written_to_in_the_clear() -> None:
    async with smtp_server() as box:
        [done] = await send(settings(box.port, security="starttls"))
        assert done.end is End.DOWN
        assert not box.mails


# --- webhooks ----------------------------------------------------------------------------------


def hook(target: Target, url: str | None = None) -> Webhook:
    return Webhook(id=new_webhook_id(), url=url or target.url, secret=new_secret(), created=datetime.now(UTC))


async def call(said: Webhook, message: str = "msg_1") -> Outcome:
    now = datetime.now(UTC)
    async with make_client(client_context(said.ca)) as client:
        return await post(client, said, message, to_json(trial_call(now)), now)


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        ("200", End.SENT),
        ("204", End.SENT),
        ("endless", End.SENT),
        ("packed", End.SENT),
        ("400", End.LATER),
        ("410", End.REFUSED),
        ("404", End.DOWN),
        ("429", End.DOWN),
        ("500", End.DOWN),
        ("redirect", End.DOWN),
        ("garbage", End.DOWN),
    ],
)
async def test_what_a_target_answers(answer: str, end: End) -> None:
    async with http_target(Target(answers=[answer])) as target:
        assert (await call(hook(target))).end is end
        assert target.seen_paths == ["/hook"]


async def test_a_target_that_hangs_is_left_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "DEADLINE_S", 0.2)
    async with http_target(Target(answers=["hang"])) as target:
        assert await call(hook(target)) == Outcome(End.DOWN, "no answer in time")


async def test_no_proxy_of_the_environment_gets_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with http_target() as proxy, http_target() as target:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await call(hook(target))).end is End.SENT
        assert (len(proxy.calls), len(target.calls)) == (0, 1)


async def test_a_plaintext_target_is_no_tls_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "CONNECT_S", 0.3)
    async with http_target() as target:
        assert (await call(hook(target, f"https://127.0.0.1:{target.port}/"))).end is End.DOWN
        assert not target.calls


async def test_the_signature_is_the_standards_and_covers_id_time_and_body() -> None:
    async with http_target() as target:
        said = hook(target)
        assert (await call(said)).end is End.SENT
        [got] = target.calls
        assert got.verified(said.secret)["type"] == "relevo.test"
        with pytest.raises(WebhookVerificationError):
            got.verified(new_secret())
        for name, value in (
            ("webhook-id", "msg_2"),
            ("webhook-timestamp", str(int(got.headers["webhook-timestamp"]) + 1)),
        ):
            with pytest.raises(WebhookVerificationError):
                Receiver(said.secret).verify(got.body, got.headers | {name: value})
        with pytest.raises(WebhookVerificationError):
            Receiver(said.secret).verify(got.body + b" ", got.headers)


def test_a_file_without_certificates_is_refused() -> None:
    from protocol.errors import RelevoError

    with pytest.raises(RelevoError):
        client_context("no certificate")


def test_certificates_are_verified_by_default() -> None:
    context = client_context(None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
