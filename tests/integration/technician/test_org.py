"""The administrator's side: draft, publish, tokens; and logging in with the key."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.setup import pairing_link
from protocol import dsse
from protocol.documents import EnrolmentToken
from protocol.drivers.repository import Repository
from protocol.drivers.sources import from_folder
from protocol.enrolment import TokenFile
from protocol.errors import Code, RelevoError
from protocol.ids import org_id
from protocol.organisation import require_active_key
from protocol.scopes import Mode, Role
from protocol.sshkeys import PublicKey
from protocol.wire import from_json
from technician import home as homes
from technician.login import client, key_reference, login, root_hash
from technician.org import fixes, initialise, keys, people, publishing, tokens
from technician.org.state import OrgFolder
from tests.support.fix_directory import fix_directory
from tests.support.http_broker import HttpBroker, http_broker
from tests.support.tuf_broker import FolderBroker


def now() -> datetime:
    return datetime.now(UTC)


def code_of(action, *arguments: object) -> Code:
    with pytest.raises(RelevoError) as caught:
        action(*arguments)
    return caught.value.code


@pytest.fixture
def home(tmp_path: Path) -> Path:
    initialise.init(tmp_path / "home", "Ayuda SL", "admin", now())
    return tmp_path / "home"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[HttpBroker]:
    with http_broker(tmp_path / "broker") as running:
        yield running


def add_ana(home: Path, folder: Path, **changes: object) -> PublicKey:
    key = keys.make_ssh_key(folder / "ana", "ana")
    wanted = {"tier": 1, "roles": [Role.TECHNICIAN], "customers": []} | changes
    people.add_technician(
        home,
        "ana",
        "Ana Ruiz",
        wanted["tier"],
        wanted["roles"],
        wanted["customers"],
        [folder / "ana.pub"],
    )
    return key


# --- init --------------------------------------------------------------------------------------


def test_every_key_and_every_folder_is_the_owners_alone(home: Path) -> None:
    for path in (home, *home.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_organisation_id_and_the_pin_are_the_first_roots_hash(home: Path) -> None:
    state = OrgFolder(home).load()
    first = (home / "org/metadata/1.root.json").read_bytes()
    assert state.org == org_id(first) == state.roster.org


def test_the_first_admin_is_no_technician(home: Path) -> None:
    (admin,) = OrgFolder(home).load().roster.technicians
    assert set(admin.roles) == {Role.ADMIN, Role.AUDITOR, Role.APPROVER}
    assert admin.tiers == ()


def test_an_organisation_is_never_made_over_another(home: Path) -> None:
    before = (home / "org/keys/root.pem").read_bytes()
    assert code_of(initialise.init, home, "Other", "admin", now()) is Code.ALREADY_EXISTS
    assert (home / "org/keys/root.pem").read_bytes() == before


def test_the_admins_ssh_key_is_one_that_openssh_reads(home: Path) -> None:
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(home / "keys/admin")], capture_output=True, check=True, timeout=30
    )
    (admin,) = OrgFolder(home).load().roster.technicians
    assert PublicKey.from_text(shown.stdout.decode()).text == admin.keys[0]


def test_what_is_sealed_to_the_auditor_opens_with_the_identity_in_the_home(home: Path) -> None:
    pyrage = pytest.importorskip("pyrage")
    state = OrgFolder(home).load()
    recipient = pyrage.x25519.Recipient.from_str(state.roster.auditor_recipients[0])
    text = (home / "org/keys/auditor.age").read_text().splitlines()[1]
    sealed = pyrage.encrypt(b"secret", [recipient])
    assert pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(text)]) == b"secret"


# --- people ------------------------------------------------------------------------------------


def test_a_technician_has_a_tier_for_each_customer_named(home: Path, tmp_path: Path) -> None:
    people.add_customer(home, "acme", "Acme")
    people.add_customer(home, "beta", "Beta")
    add_ana(home, tmp_path, tier=2, customers=["acme", "beta", "acme"])
    person = OrgFolder(home).load().roster.technician("ana")
    assert [(t.customer, t.tier) for t in person.tiers] == [("acme", 2), ("beta", 2)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"customers": ["nobody"]}, Code.NOT_FOUND),
        ({"tier": None}, Code.USAGE),
        ({"roles": [Role.APPROVER]}, Code.USAGE),
        ({"roles": []}, Code.USAGE),
        ({"tier": 4}, Code.USAGE),
    ],
)
def test_an_unfit_technician_is_not_staged(home: Path, tmp_path: Path, changes: dict, code: Code) -> None:
    assert code_of(lambda: add_ana(home, tmp_path, **changes)) is code
    assert len(OrgFolder(home).load().roster.technicians) == 1


def test_a_key_belongs_to_one_person(home: Path, tmp_path: Path) -> None:
    add_ana(home, tmp_path)
    again = [home, "eva", "Eva", None, [Role.APPROVER], [], [tmp_path / "ana.pub"]]
    assert code_of(people.add_technician, *again) is Code.CONFLICT
    again[1] = "ana"
    assert code_of(people.add_technician, *again) is Code.ALREADY_EXISTS


def test_a_removed_technicians_key_is_revoked_and_does_not_come_back(home: Path, tmp_path: Path) -> None:
    key = add_ana(home, tmp_path)
    people.remove_technician(home, "ana")
    assert OrgFolder(home).load().revoked.keys == (key.fingerprint,)
    again = (home, "ana", "Ana", 1, [Role.TECHNICIAN], [], [tmp_path / "ana.pub"])
    assert code_of(people.add_technician, *again) is Code.REVOKED


def test_the_last_administrator_stays(home: Path) -> None:
    assert code_of(people.remove_technician, home, "admin") is Code.CONFLICT


@pytest.mark.parametrize("content", [b"", b"ssh-rsa AAAA", b"\xff\xfe\xfd", b"ssh-ed25519 AAAA"])
def test_a_file_that_holds_no_ed25519_key_is_refused(home: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pub").write_bytes(content)
    given = (home, "bad", "Bad", None, [Role.APPROVER], [], [tmp_path / "bad.pub"])
    assert code_of(people.add_technician, *given) is Code.USAGE


def test_one_person_has_one_fix_key(home: Path, tmp_path: Path) -> None:
    add_ana(home, tmp_path, tier=None, roles=[Role.APPROVER])
    (tmp_path / "fix.pub").write_text(people.new_signer_key(tmp_path / "eva"))
    assert code_of(people.add_signer, home, "admin", tmp_path / "fix.pub") is Code.ALREADY_EXISTS
    assert code_of(people.add_signer, home, "stranger", tmp_path / "fix.pub") is Code.NOT_IN_ROSTER
    people.add_signer(home, "ana", tmp_path / "fix.pub")
    assert len(OrgFolder(home).load().signers) == 2


# --- fixes -------------------------------------------------------------------------------------


def test_a_fix_directory_with_more_than_plain_files_is_refused(home: Path, tmp_path: Path) -> None:
    where = fix_directory(tmp_path)
    (where / "link").symlink_to("/etc/passwd")
    assert code_of(fixes.add_fix, home, where) is Code.USAGE
    (where / "link").unlink()
    (where / "sub").mkdir()
    assert code_of(fixes.add_fix, home, where) is Code.USAGE
    assert fixes.list_fixes(home) == []


def test_a_directory_without_a_manifest_is_no_fix(home: Path, tmp_path: Path) -> None:
    assert code_of(fixes.add_fix, home, tmp_path) is Code.USAGE
    assert code_of(fixes.add_fix, home, tmp_path / "absent") is Code.USAGE


def test_a_signed_version_never_changes(home: Path, broker: HttpBroker, tmp_path: Path) -> None:
    fixes.add_fix(home, fix_directory(tmp_path / "a"))
    fixes.add_fix(home, fix_directory(tmp_path / "b", body="better\n"))
    assert [row.state for row in fixes.list_fixes(home)] == ["staged"]
    publishing.connect(home, str(broker.folder), now())
    assert [row.state for row in fixes.list_fixes(home)] == ["signed"]
    assert code_of(fixes.add_fix, home, fix_directory(tmp_path / "c", body="other\n")) is Code.ALREADY_EXISTS
    fixes.revoke_fix(home, "sample", None)
    assert [row.state for row in fixes.list_fixes(home)] == ["revoked"]
    assert code_of(fixes.add_fix, home, fix_directory(tmp_path / "d", version=2)) is Code.REVOKED
    assert code_of(fixes.revoke_fix, home, "unknown", None) is Code.NOT_FOUND


# --- connect and publish -----------------------------------------------------------------------


def test_connect_pairs_and_publish_uploads_what_was_staged(
    home: Path, broker: HttpBroker, tmp_path: Path
) -> None:
    first = publishing.connect(home, str(broker.folder), now())
    assert first.published is not None
    assert not OrgFolder(home).load().staged
    key = add_ana(home, tmp_path)
    assert OrgFolder(home).load().staged
    publishing.publish(home, now())
    state = OrgFolder(home).load()
    assert not state.staged
    repository = Repository(tmp_path / "c", state.root_sha256, from_folder(broker.folder))
    org = repository.refresh(now())
    require_active_key(org, org.roster.technician("ana"), key)
    assert repository.targets_version == 2


def test_connect_takes_the_line_that_the_broker_prints(home: Path, broker: HttpBroker) -> None:
    assert broker.files is not None
    line = pairing_link(broker.files.pairing)
    assert "#pairing=" in line
    assert publishing.connect(home, line, now()).published is not None


def test_connect_again_publishes_as_the_administrator(home: Path, broker: HttpBroker) -> None:
    publishing.connect(home, str(broker.folder), now())
    outcome = publishing.connect(home, str(broker.folder), now())
    assert outcome.published is not None
    assert outcome.published.targets_version == 2
    assert OrgFolder(home).load().root_version == 2


def test_a_broker_that_is_not_running_finds_the_request_in_its_folder(home: Path, tmp_path: Path) -> None:
    broker = FolderBroker(tmp_path / "idle")
    assert publishing.connect(home, str(broker.folder), now()).published is None
    incoming = broker.folder / "incoming/pair.json"
    assert incoming.stat().st_mode & 0o777 == 0o600
    broker.take_incoming(now())


def test_a_broker_with_another_certificate_is_not_paired_with(home: Path, broker: HttpBroker) -> None:
    assert broker.files is not None
    pairing = json.loads((broker.folder / "pairing.json").read_bytes())
    pairing["tls_sha256"] = "0" * 64
    (broker.folder / "pairing.json").write_text(json.dumps(pairing))
    assert code_of(publishing.connect, home, str(broker.folder), now()) is Code.IDENTITY_MISMATCH
    assert not (broker.folder / "incoming").exists()


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("https://h:1/", Code.USAGE),
        ("https://h:1/#pairing=", Code.USAGE),
        ("https://h:1/#pairing=%%%", Code.USAGE),
        ("https://h:1/#pairing=e30", Code.USAGE),
        ("/nowhere/at/all", Code.NOT_FOUND),
    ],
)
def test_pairing_data_that_is_none_is_refused(home: Path, where: str, code: Code) -> None:
    assert code_of(publishing.connect, home, where, now()) is code


def test_before_connect_there_is_nobody_to_publish_to(home: Path, tmp_path: Path) -> None:
    assert code_of(publishing.publish, home, now()) is Code.NOT_CONNECTED
    people.add_customer(home, "acme", "Acme")
    wanted = (home, "acme", Mode.ATTENDED, timedelta(hours=1), tmp_path / "t", now())
    assert code_of(tokens.make_token, *wanted) is Code.NOT_CONNECTED


def test_an_upload_that_failed_stays_staged_and_its_version_is_not_used_twice(
    home: Path, broker: HttpBroker, tmp_path: Path
) -> None:
    publishing.connect(home, str(broker.folder), now())
    people.add_customer(home, "acme", "Acme")
    broker.org_shown = org_id(b"somebody else")
    assert code_of(publishing.publish, home, now()) is Code.IDENTITY_MISMATCH
    assert OrgFolder(home).load().staged
    broker.org_shown = None
    assert publishing.publish(home, now()).published.targets_version == 3


def test_a_high_fix_waits_while_the_rest_is_published(home: Path, broker: HttpBroker, tmp_path: Path) -> None:
    publishing.connect(home, str(broker.folder), now())
    fixes.add_fix(home, fix_directory(tmp_path, risk="destructive"))
    people.add_customer(home, "acme", "Acme")
    outcome = publishing.publish(home, now())
    assert outcome.waiting == ("destructive",)
    assert not list(broker.folder.rglob("*destructive*"))
    assert broker.roster().customer("acme")
    assert [row.state for row in fixes.list_fixes(home)] == ["awaiting-signature"]


def test_a_catalogue_is_signed_again_before_it_expires_and_not_without_need(
    home: Path, broker: HttpBroker, tmp_path: Path
) -> None:
    folder = OrgFolder(home)
    fixes.add_fix(home, fix_directory(tmp_path))
    publishing.connect(home, str(broker.folder), now())
    first = (folder.metadata / "low.json").read_bytes()
    assert fixes.sign_roles(folder, folder.load(), now() + timedelta(days=10)) == ()
    assert (folder.metadata / "low.json").read_bytes() == first
    fixes.sign_roles(folder, folder.load(), now() + timedelta(days=130))
    assert json.loads((folder.metadata / "low.json").read_bytes())["signed"]["version"] == 2


def test_without_its_signer_a_catalogue_counts_for_nothing(
    home: Path, broker: HttpBroker, tmp_path: Path
) -> None:
    folder = OrgFolder(home)
    fixes.add_fix(home, fix_directory(tmp_path))
    publishing.connect(home, str(broker.folder), now())
    assert fixes.valid_roles(folder, folder.load(), now()) == ("low",)
    people.remove_signer(home, "admin")
    assert fixes.valid_roles(folder, folder.load(), now()) == ()


# --- tokens ------------------------------------------------------------------------------------


def test_a_token_file_holds_all_a_machine_needs_and_is_signed_by_the_admin(
    home: Path, broker: HttpBroker, tmp_path: Path
) -> None:
    publishing.connect(home, str(broker.folder), now())
    people.add_customer(home, "acme", "Acme")
    publishing.publish(home, now())
    output = tmp_path / "token.json"
    made = tokens.make_token(home, "acme", Mode.ATTENDED, timedelta(hours=24), output, now())
    assert output.stat().st_mode & 0o777 == 0o600
    file = from_json(output.read_bytes(), TokenFile)
    state = OrgFolder(home).load()
    assert (file.root_sha256, file.tls_sha256, file.targets_version) == (
        state.root_sha256,
        broker.tls_sha256,
        2,
    )
    key = PublicKey.from_text(state.roster.technician("admin").keys[0])
    assert dsse.open_envelope(file.token, EnrolmentToken, [key]) == made
    assert made.expires - made.issued == timedelta(hours=24)


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=31)])
def test_a_token_lives_neither_for_nothing_nor_for_ever(
    home: Path, broker: HttpBroker, tmp_path: Path, life: timedelta
) -> None:
    people.add_customer(home, "acme", "Acme")
    publishing.connect(home, str(broker.folder), now())
    given = (home, "acme", Mode.ATTENDED, life, tmp_path / "t", now())
    assert code_of(tokens.make_token, *given) is Code.USAGE
    assert code_of(tokens.make_token, home, "beta", *given[2:]) is Code.NOT_FOUND


# --- login -------------------------------------------------------------------------------------


@pytest.fixture
def served(home: Path, broker: HttpBroker, tmp_path: Path) -> tuple[HttpBroker, str]:
    add_ana(home, tmp_path)
    publishing.connect(home, str(broker.folder), now())
    return broker, OrgFolder(home).load().root_sha256


def test_a_technician_logs_in_with_nothing_but_key_url_and_root(
    served: tuple[HttpBroker, str], tmp_path: Path
) -> None:
    broker, root = served
    assert broker.files is not None
    answer = login(tmp_path / "ana-home", broker.files.pairing.url, str(tmp_path / "ana"), root)
    assert (answer.technician, answer.roles) == ("ana", (Role.TECHNICIAN,))
    config = homes.load_config(tmp_path / "ana-home")
    assert config.tls_sha256 == broker.tls_sha256
    for name in ("config.json", "login.json"):
        assert (tmp_path / "ana-home" / name).stat().st_mode & 0o777 == 0o600


def test_the_client_logs_in_again_by_itself_when_its_bearer_is_refused(
    served: tuple[HttpBroker, str], tmp_path: Path
) -> None:
    broker, root = served
    assert broker.files is not None
    login(tmp_path / "ana-home", broker.files.pairing.url, str(tmp_path / "ana"), root)
    broker.bearer = "changed"
    api = client(tmp_path / "ana-home")
    assert api.get_json("/v1/anything", str) == "done"
    api.close()
    api = client(tmp_path / "ana-home")
    logins = broker.logins
    assert api.get_json("/v1/anything", str) == "done"
    assert broker.logins == logins
    api.close()


def test_a_broker_in_the_middle_with_its_own_certificate_is_recognised(
    served: tuple[HttpBroker, str], tmp_path: Path
) -> None:
    """It can relay the genuine repository; the roster in there names another certificate than its own."""
    broker, root = served
    assert broker.files is not None
    with http_broker(tmp_path / "middle") as middle:
        middle.files = broker.files
        assert middle.tls_sha256 != broker.tls_sha256
        address = json.loads((tmp_path / "middle/pairing.json").read_bytes())["url"]
        wanted = (tmp_path / "ana-home", address, str(tmp_path / "ana"), root)
        assert code_of(login, *wanted) is Code.IDENTITY_MISMATCH
        assert middle.logins == 0
    assert not (tmp_path / "ana-home/config.json").exists()


def test_another_organisation_than_the_pinned_one_is_refused(
    served: tuple[HttpBroker, str], tmp_path: Path
) -> None:
    broker, _ = served
    assert broker.files is not None
    wanted = (tmp_path / "ana-home", broker.files.pairing.url, str(tmp_path / "ana"), "0" * 64)
    assert code_of(login, *wanted) is Code.HASH_MISMATCH


def test_a_broker_that_asks_for_a_proof_for_another_organisation_gets_none(
    served: tuple[HttpBroker, str], tmp_path: Path
) -> None:
    broker, root = served
    assert broker.files is not None
    broker.org_shown = org_id(b"another")
    wanted = (tmp_path / "ana-home", broker.files.pairing.url, str(tmp_path / "ana"), root)
    assert code_of(login, *wanted) is Code.IDENTITY_MISMATCH
    assert broker.logins == 0


def test_a_key_that_is_not_in_the_roster_does_not_log_in(
    served: tuple[HttpBroker, str], tmp_path: Path
) -> None:
    broker, root = served
    assert broker.files is not None
    keys.make_ssh_key(tmp_path / "stranger", "x")
    wanted = (tmp_path / "s", broker.files.pairing.url, str(tmp_path / "stranger"), root)
    assert code_of(login, *wanted) is Code.NOT_IN_ROSTER
    assert code_of(client, tmp_path / "s") is Code.UNAUTHENTICATED


def test_a_key_with_a_passphrase_and_no_ssh_agent_is_refused_without_asking(
    served: tuple[HttpBroker, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, root = served
    assert broker.files is not None
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(tmp_path / "ana")]
    subprocess.run(change, check=True, capture_output=True, timeout=20)
    wanted = (tmp_path / "ana-home", broker.files.pairing.url, str(tmp_path / "ana"), root)
    assert code_of(login, *wanted) is Code.USAGE
    assert broker.logins == 0


def test_the_root_hash_may_be_pasted_as_people_do(tmp_path: Path) -> None:
    assert root_hash(f"  SHA256:{'AB' * 32}\n") == "ab" * 32
    assert code_of(root_hash, "abc") is Code.USAGE
    assert key_reference("SHA256:abc") == "SHA256:abc"
    (tmp_path / "k").write_text("")
    assert key_reference(str(tmp_path / "k")) == str(tmp_path / "k")


# --- command line ------------------------------------------------------------------------------


def relevo(*arguments: str) -> tuple[int, str, str]:
    run = subprocess.run(
        [sys.executable, "-c", "import technician.cli as c; c.main()", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return run.returncode, run.stdout, run.stderr


def test_the_documented_commands_work_from_init_to_token(
    broker: HttpBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELEVO_HOME", str(tmp_path / "h"))
    keys.make_ssh_key(tmp_path / "ana", "ana")
    fix = fix_directory(tmp_path)
    status, out, _ = relevo("org", "init", "--name", "Ayuda SL", "--json")
    assert status == 0
    root = json.loads(out)["root_sha256"]
    ana = ("ana", "--name", "Ana", "--tier", "1", "--role", "technician", "--key", str(tmp_path / "ana.pub"))
    for arguments in (
        ("customer", "add", "acme", "--name", "Acme"),
        ("technician", "add", *ana),
        ("fix", "add", str(fix)),
        ("connect", str(broker.folder)),
        ("fix", "publish", "sample"),
        ("publish",),
        ("token", "--customer", "acme", "-o", str(tmp_path / "token.json")),
        ("technician", "list"),
        ("customer", "list"),
        ("fix", "list"),
        ("signer", "list"),
    ):
        status, out, err = relevo("org", *arguments)
        assert (status, bool(out)) == (0, True), (arguments, out, err)
    assert from_json((tmp_path / "token.json").read_bytes(), TokenFile).root_sha256 == root
    assert broker.files is not None
    url, key = broker.files.pairing.url, str(tmp_path / "ana")
    status, out, _ = relevo(
        "login", url, "--key", key, "--root", root, "--home", str(tmp_path / "a"), "--json"
    )
    assert (status, json.loads(out)["technician"]) == (0, "ana")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("init", "--name", ""), 2),
        (("init", "--name", "x", "--admin", "Not An Id"), 2),
        (("publish",), 3),
        (("technician", "add", "x", "--name", "x", "--role", "king", "--key", "/nonexistent"), 2),
        (("token", "--customer", "acme", "-o", "/dev/null"), 3),
        (("connect", "/nowhere"), 3),
    ],
)
def test_a_wrong_call_has_its_own_exit_status_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int
) -> None:
    monkeypatch.setenv("RELEVO_HOME", str(tmp_path / "h"))
    for language in ("en", "es"):
        got, out, err = relevo("org", *arguments, "--lang", language)
        assert got == status, err
        assert out == ""
        assert "Traceback" not in err
        assert "(ref" in err
