"""What a machine reads of itself: numbers, and no name of a person or a file."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from agent import identity, services
from agent.collectors import certificates
from agent.collectors.base import Context
from agent.collectors.messages import Settings
from agent.folder import Folder, Membership
from agent.services import Service, State
from agent.trends import consent, reading, restarts, sampling
from agent.trends.ring import Ring
from protocol.errors import Code, RelevoError
from protocol.scopes import Floor, Mode
from protocol.trends import KEPT, MAX_SEQUENCE, Kind, Reading, Sample, crossed
from protocol.wire import from_json, to_json

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]
KEY = b"k" * 32


def member(folder: Folder, mode: Mode = Mode.STANDING) -> Folder:
    folder.remember(
        Membership(
            agent=identity.id_of(identity.load_or_make(folder)),
            org="org-" + "a" * 32,
            org_name="Help",
            customer="acme",
            mode=mode,
            url="wss://127.0.0.1:9",
            tls_sha256=None,
            root_sha256="0" * 64,
        )
    )
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return member(Folder(tmp_path / "agent"))


def context() -> Context:
    return Context(Settings(), time.monotonic() + 30)


def nothing(found: list[Service]) -> dict[str, int]:
    return {}


# --- what is read ------------------------------------------------------------------------------


def test_this_machine_tells_its_memory_and_its_root_file_system() -> None:
    found = {(row.kind, row.subject): row for row in reading.read(context(), KEY, nothing, NOW)}
    assert 0 < found[Kind.MEMORY, "memory"].share < 1
    assert 0 < found[Kind.DISK, "/"].share <= 1


def test_a_mount_point_that_is_a_name_is_told_by_a_pseudonym(tmp_path: Path) -> None:
    """A real file system, mounted in a name space of its own at a path that holds a person's name."""
    code = (
        "import sys, time\n"
        "from datetime import UTC, datetime\n"
        "from agent.collectors.base import Context\n"
        "from agent.collectors.messages import Settings\n"
        "from agent.trends import reading\n"
        "found = reading.read(Context(Settings(), time.monotonic() + 30), b'k' * 32, lambda _: {}, datetime.now(UTC))\n"
        "print([(r.kind.value, r.subject, r.limit) for r in found])"
    )
    point = tmp_path / "Fotos de María García"
    point.mkdir()
    script = 'mount -t tmpfs -o size=20m none "$1" && shift && exec "$@"'
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, "sh", str(point), sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if "unshare failed" in done.stderr:
        pytest.skip("no user name spaces here")
    assert done.returncode == 0, done.stderr
    name = reading.pseudonym(KEY, "mount", str(point).encode())
    assert f"('disk', '{name}', {float(20 << 20)})" in done.stdout
    assert "Garc" not in done.stdout and "Fotos" not in done.stdout


def test_a_name_as_mount_point_cannot_even_be_written_down() -> None:
    with pytest.raises(RelevoError):
        from_json(to_json(Reading(kind=Kind.DISK, subject="/home/maria", value=1.0, limit=2.0)), Reading)


def certificate(folder: Path, name: str, days: float) -> x509.Certificate:
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=400))
        .not_valid_after(NOW + timedelta(days=days))
        .sign(key, None)
    )
    from cryptography.hazmat.primitives.serialization import Encoding

    (folder / f"{name}.crt").write_bytes(made.public_bytes(Encoding.PEM))
    return made


def test_certificates_that_end_soon_are_told_without_a_name_or_a_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = certificate(tmp_path, "mail.acme.example", 20)
    certificate(tmp_path, "far.acme.example", 300)
    certificate(tmp_path, "old.acme.example", -100)
    (tmp_path / "broken.crt").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    monkeypatch.setattr(certificates, "_SERVICE_PATTERNS", ((str(tmp_path), "*.crt"),))
    found = [row for row in reading.read(context(), KEY, nothing, NOW) if row.kind is Kind.CERTIFICATE]
    (row,) = found
    assert row.value == (NOW + timedelta(days=20)).timestamp()
    told = to_json(found).decode()
    assert "acme" not in told and soon.fingerprint(hashes.SHA256()).hex()[:12] not in told
    assert re.fullmatch(r"cert-[0-9a-f]{12}", row.subject)


def test_batteries_are_told_as_share_of_their_design_and_mice_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {
        "BAT0": {"type": "Battery", "energy_full": "31000000", "energy_full_design": "50000000"},
        "hidpp_battery_0": {"type": "Battery", "scope": "Device", "charge_full": "1", "charge_full_design": "2"},
        "AC": {"type": "Mains"},
        "BAT1": {"type": "Battery", "charge_full": "garbage", "charge_full_design": "0"},
    }  # fmt: skip
    for name, files in rows.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text + "\n")
    monkeypatch.setattr(reading, "_POWER", tmp_path)
    found = [row for row in reading.read(context(), KEY, nothing, NOW) if row.kind is Kind.BATTERY]
    assert found == [Reading(kind=Kind.BATTERY, subject="BAT0", value=62.0, limit=100.0)]


class _Known:
    """A manager of services, as far as it is asked."""

    name = "test"

    def __init__(self, found: tuple[Service, ...]) -> None:
        self._found = found

    def list(self) -> tuple[Service, ...]:
        return self._found


class _Broken(_Known):
    def __init__(self) -> None:
        super().__init__(())

    def list(self) -> tuple[Service, ...]:
        raise RelevoError(Code.TIMEOUT, "it hangs")


def test_instances_of_services_are_told_by_a_pseudonym(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("cups", "user@1000", "openvpn@casa-de-maria", "home-maria.mount", "getty@")
    running = tuple(Service(name=name, manager="t", state=State.RUNNING, restarts=3) for name in names)
    monkeypatch.setattr(services, "managers", lambda: (_Broken(), _Known(running)))
    found = reading.read(context(), KEY, lambda all_: {one.name: 3 for one in all_}, NOW)
    told = [row.subject for row in found if row.kind is Kind.CRASH]
    assert "cups" in told and not any("maria" in subject or "1000" in subject for subject in told)
    assert sum(subject.startswith("user@i-") for subject in told) == 1


# --- restarts ----------------------------------------------------------------------------------


def test_another_process_of_a_service_is_one_restart_and_a_reboot_is_none(folder: Folder) -> None:
    def look(boot: str, pid: int) -> dict[str, int]:
        return restarts.count(
            folder, boot, [Service(name="cups", manager="sysv", state=State.RUNNING, pid=pid)]
        )

    assert [look("a", pid)["cups"] for pid in (10, 10, 11, 12)] == [0, 0, 1, 2]
    assert look("b", 40)["cups"] == 0
    assert look("b", 41)["cups"] == 1


def test_a_manager_that_counts_is_believed(folder: Folder) -> None:
    one = Service(name="nginx", manager="systemd", state=State.FAILED, restarts=17)
    assert restarts.count(folder, "a", [one]) == {"nginx": 17}


# --- what is kept ------------------------------------------------------------------------------


def test_the_ring_keeps_the_newest_and_their_numbers_go_on(folder: Folder) -> None:
    ring = Ring(folder)
    for n in range(KEPT + 5):
        ring.append(NOW + timedelta(hours=n), ())
    kept = ring.all()
    assert (len(kept), kept[0].sequence, kept[-1].sequence) == (KEPT, 6, KEPT + 5)
    ring.forget()
    assert ring.all() == []
    assert ring.append(NOW, ()).sequence == KEPT + 6
    ring.close()
    assert folder.trends.stat().st_mode & 0o077 == 0


def test_an_acknowledgement_never_brings_anything_back(folder: Folder) -> None:
    ring = Ring(folder)
    for n in range(5):
        ring.append(NOW + timedelta(hours=n), ())
    ring.acknowledged(4)
    ring.acknowledged(0)
    ring.acknowledged(2)
    assert [one.sequence for one in ring.unsent(10)] == [5]
    ring.close()


def test_a_machine_that_lost_its_file_goes_on_where_the_broker_is(folder: Folder) -> None:
    ring = Ring(folder)
    ring.append(NOW, ())
    ring.acknowledged(500)
    assert ring.unsent(10) == []
    assert ring.append(NOW, ()).sequence == 501
    ring.acknowledged(MAX_SEQUENCE * 4)
    assert ring.append(NOW, ()).sequence == 502, "a number out of bounds moves nothing"
    ring.close()


# --- whether it may ----------------------------------------------------------------------------


def test_nothing_is_told_until_the_owner_of_the_machine_says_so(folder: Folder) -> None:
    assert consent.telling(folder) is consent.Telling.OFF
    with pytest.raises(RelevoError) as refused:
        sampling.take(folder, NOW)
    assert refused.value.code is Code.REFUSED
    assert not folder.trends.exists()
    consent.write(folder, Floor.NOTIFY)
    assert sampling.take(folder, NOW).sequence == 1


def test_on_an_attended_machine_it_cannot_be_turned_on(tmp_path: Path) -> None:
    attended = member(Folder(tmp_path / "attended"), Mode.ATTENDED)
    with pytest.raises(RelevoError) as refused:
        consent.write(attended, Floor.NOTIFY)
    assert refused.value.code is Code.NOT_APPLICABLE
    # Not even by writing the file.
    attended.trends_consent.write_text('{"floor":"notify"}')
    assert not consent.allowed(attended)
    with pytest.raises(RelevoError):
        sampling.take(attended, NOW)


@pytest.mark.parametrize("text", ["", "{", '{"floor":"yes"}', '{"floor":"notify","more":1}', "[]"])
def test_a_damaged_file_allows_nothing(folder: Folder, text: str) -> None:
    folder.trends_consent.write_text(text)
    assert not consent.allowed(folder)


# --- what should not wait ----------------------------------------------------------------------


def told(*readings: Reading, at: datetime = NOW) -> Sample:
    return Sample(sequence=1, at=at, readings=readings)


def test_what_came_to_a_line_does_not_wait_and_what_stays_there_does() -> None:
    low, high = (Reading(kind=Kind.DISK, subject="/", value=v, limit=100.0) for v in (89.0, 91.0))
    assert crossed(told(low), told(high)) and crossed(None, told(high))
    assert not crossed(told(high), told(high)) and not crossed(told(high), told(low))
    calm, crash = (Reading(kind=Kind.CRASH, subject="cups", value=v) for v in (3.0, 4.0))
    assert crossed(told(calm), told(crash)) and not crossed(told(), told(crash))
    end = (NOW + timedelta(days=14, minutes=-30)).timestamp()
    ends = Reading(kind=Kind.CERTIFICATE, subject="cert-1", value=end)
    assert crossed(told(ends, at=NOW - timedelta(hours=1)), told(ends))
    assert not crossed(told(ends), told(ends, at=NOW + timedelta(hours=1)))
