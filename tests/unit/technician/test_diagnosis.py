"""Bundles as a technician gets them: nothing is shown before the seal held, and nothing acts on the screen."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from protocol import assist
from protocol.diagnosis import BUNDLE_MEDIA_TYPE, MAX_BUNDLE, Bundle, Status
from protocol.documents import BundleSeal
from protocol.drivers.figures import duration, shown, size
from protocol.dsse import seal as sign
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id
from protocol.scopes import Clearance
from protocol.sshkeys import KeySigner, claimed_key
from protocol.wire import to_json
from protocol.wording import Words
from protocol.wording.diagnosis import TABLE
from technician.bundles import Receiving, printable_json, verified
from technician.reports.diagnosis import show
from tests.unit.protocol.test_findings import bundle as make_bundle
from tests.unit.protocol.test_findings import file_system, result

_MACHINE = KeySigner.from_seed(b"\x03" * 32)
_OTHER = KeySigner.from_seed(b"\x04" * 32)
_AGENT = agent_id(_MACHINE.public_key.blob)
_GRANT = "0" * 32
_EN, _ES = Words("en", TABLE), Words("es", TABLE)

_EVIL = "\x1b]0;owned\x07\x1b[2J\u202egpj.exe\u009b31m [red]markup[/red] \x7f"


def hostile() -> Bundle:
    found = result(
        "disks",
        {"fullest_percent": 97.0},
        {"file_systems": [file_system(mount_point=_EVIL, used_percent=97.0)]},
    )
    whole = make_bundle(
        found,
        result("system", {"os_name": _EVIL}),
        msgspec.structs.replace(result("dns", status=Status.FAILED), reason=_EVIL, warnings=(_EVIL,)),
    )
    manifest = msgspec.structs.replace(whole.manifest, agent=_AGENT, os=_EVIL)
    return msgspec.structs.replace(whole, manifest=manifest)


def sealed(content: bytes, signer: KeySigner = _MACHINE, **changed: object) -> Envelope:
    document = BundleSeal(
        version=1,
        agent=_AGENT,
        grant=_GRANT,
        ticket="T-1",
        clearance=Clearance.R1,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        made=hostile().manifest.ended,
    )
    return sign(msgspec.structs.replace(document, **changed), signer)


def check(content: bytes, seal: Envelope | None) -> Bundle:
    return verified(content, seal, agent=_AGENT, grant=_GRANT, ticket="T-1")


def refusal(content: bytes, seal: Envelope | None) -> Code:
    with pytest.raises(RelevoError) as refused:
        check(content, seal)
    return refused.value.code


CONTENT = to_json(hostile())


def test_a_bundle_that_the_machine_signed_is_taken() -> None:
    assert check(CONTENT, sealed(CONTENT)) == hostile()


def test_a_bundle_without_a_seal_is_not() -> None:
    assert refusal(CONTENT, None) is Code.SIGNATURE_INVALID


def test_a_seal_by_another_machine_is_not_taken_even_if_it_says_it_is_this_one() -> None:
    assert refusal(CONTENT, sealed(CONTENT, _OTHER)) is Code.IDENTITY_MISMATCH


def test_a_seal_without_a_signature_is_not_taken() -> None:
    seal = sealed(CONTENT)
    assert refusal(CONTENT, msgspec.structs.replace(seal, signatures=())) is Code.IDENTITY_MISMATCH


@pytest.mark.parametrize("at", [10, 200, len(CONTENT) - 20])
def test_one_altered_byte_of_the_content_is_noticed(at: int) -> None:
    altered = CONTENT[:at] + bytes([CONTENT[at] ^ 1]) + CONTENT[at + 1 :]
    assert refusal(altered, sealed(CONTENT)) is Code.HASH_MISMATCH


def test_an_altered_seal_is_noticed() -> None:
    seal = sealed(CONTENT)
    other = msgspec.structs.replace(seal, payload=seal.payload.replace(b"R1", b"R3"))
    assert refusal(CONTENT, other) is Code.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "changed",
    [{"ticket": "T-2"}, {"grant": "1" * 32}, {"agent": "ag-" + "b" * 32}, {"ticket": None}, {"grant": None}],
)
def test_a_true_seal_of_another_session_is_not_taken(changed: dict[str, object]) -> None:
    assert refusal(CONTENT, sealed(CONTENT, **changed)) is Code.IDENTITY_MISMATCH


def test_a_bundle_that_claims_another_clearance_than_its_seal_is_not_taken() -> None:
    assert refusal(CONTENT, sealed(CONTENT, clearance=Clearance.R3)) is Code.IDENTITY_MISMATCH


def test_signed_nonsense_is_malformed() -> None:
    assert refusal(b"{}", sealed(b"{}")) is Code.MALFORMED


def test_the_key_in_a_signature_is_the_signers() -> None:
    assert claimed_key(sealed(CONTENT).signatures[0].sig) == _MACHINE.public_key
    with pytest.raises(RelevoError):
        claimed_key(b"SSHSIG junk")


def start(size_bytes: int, media_type: str = BUNDLE_MEDIA_TYPE) -> assist.ContentStart:
    return assist.ContentStart(name="x", media_type=media_type, size_bytes=size_bytes)


def test_content_is_held_to_what_was_announced() -> None:
    receiving = Receiving.begin(start(3))
    receiving.add(assist.Chunk(data=b"abc"))
    assert receiving.finish(assist.ContentEnd(sha256=hashlib.sha256(b"abc").hexdigest())) == b"abc"
    with pytest.raises(RelevoError) as more:
        receiving.add(assist.Chunk(data=b"d"))
    assert more.value.code is Code.MALFORMED
    with pytest.raises(RelevoError) as short:
        Receiving.begin(start(3)).finish(assist.ContentEnd(sha256="0" * 64))
    assert short.value.code is Code.HASH_MISMATCH
    with pytest.raises(RelevoError) as large:
        Receiving.begin(start(MAX_BUNDLE + 1))
    assert large.value.code is Code.TOO_LARGE
    with pytest.raises(RelevoError) as other:
        Receiving.begin(start(3, "image/png"))
    assert other.value.code is Code.MALFORMED


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("words", [_EN, _ES])
def test_nothing_from_the_machine_acts_on_the_terminal(
    capsys: pytest.CaptureFixture[str], words: Words, everything: bool
) -> None:
    show(hostile(), words, everything=everything)
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\x07\u202e\u009b\x7f")
    assert "\\x1b" in out
    if everything:
        assert "[red]markup[/red]" in out.replace("\n", "").replace(" ", "").replace(
            "[red]markup[/red]", "[red]markup[/red]"
        )


def test_findings_come_first_in_the_readers_language(capsys: pytest.CaptureFixture[str]) -> None:
    whole = make_bundle(
        result("memory", {"total_bytes": 8 << 30, "available_bytes": 100 << 20}),
        result("disks", rows={"file_systems": [file_system(used_percent=97.5, available_bytes=300 << 20)]}),
    )
    show(whole, _ES)
    out = capsys.readouterr().out
    assert "CRÍTICO  Discos: / está al 97,5 %; quedan 300,0 MiB." in out
    assert out.index("CRÍTICO") < out.index("Qué se ha mirado")
    show(whole, _EN)
    assert "CRITICAL  Disks: / is 97.5 % full; 300.0 MiB are left." in capsys.readouterr().out


def test_a_machine_without_faults_is_said_to_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    show(make_bundle(result("uptime", {"uptime_s": 10.0})), _EN)
    assert "Nothing wrong was found" in capsys.readouterr().out


def test_json_of_a_machine_is_ascii_and_the_same_document() -> None:
    shown_json = printable_json(CONTENT)
    assert shown_json.isascii()
    assert json.loads(shown_json) == json.loads(CONTENT)
    assert printable_json(b'{"a": 1}') == b'{"a": 1}'


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("used_bytes", 1536, "1.5 KiB"),
        ("read_bytes_per_s", 10, "10 B/s"),
        ("used_percent", 97.0, "97 %"),
        ("answer_ms", 2.25, "2.25 ms"),
        ("age_s", 90_061, "1 d 1 h"),
        ("count", True, "yes"),
        ("boot_time_unix_s", 0, "1970-01-01T00:00:00Z"),
        ("boot_time_unix_s", 1e300, "1e+300"),
        ("used_bytes", float("nan"), "nan B"),
        ("age_s", None, "none"),
    ],
)
def test_values_are_shown_with_the_unit_of_their_key(key: str, value: object, text: str) -> None:
    assert shown(key, value, _EN) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 1e308, -1e308, 0.0, -5.0])
def test_any_figure_can_be_shown(value: float) -> None:
    for key in ("x_bytes", "x_s", "x_ms", "x_percent", "x_unix_s", "x_bytes_per_s", "x_count"):
        shown(key, value, _ES)
    size(value)


def test_durations_have_their_two_largest_units() -> None:
    assert [duration(s) for s in (0.25, 59, 60, 3_725, 200_000, -61)] == [
        "0.25 s",
        "59 s",
        "1 min",
        "1 h 2 min",
        "2 d 7 h",
        "-1 min 1 s",
    ]


def test_the_command_is_light_to_import() -> None:
    """`relevo diagnose --json` on an open session costs about as much as starting Python."""
    code = "import sys, technician.cli.diagnose as d; print(*sorted(m.split('.')[0] for m in sys.modules))"
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, timeout=60
    )
    assert not set(done.stdout.split()) & {"rich", "cryptography", "asyncssh", "urllib3", "tuf", "asyncio"}
