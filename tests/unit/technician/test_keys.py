"""Key files and ssh-agents as signers: made by ssh-keygen, held by ssh-agent, checked by ssh-keygen."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import Code, RelevoError
from protocol.sshkeys import KeySigner, Signer, armoured, sign, verify
from technician.keys import load_signer
from technician.sshagent import AgentSigner, SshAgent
from tests.support.securitykey import SecurityKey, security_key_agent

NAMESPACE = "relevo.login.v1"

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no OpenSSH")


def _keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)
    return path


def _agrees_with_ssh_keygen(signer: Signer, folder: Path) -> None:
    message = b"the bytes that are signed"
    blob = sign(signer, NAMESPACE, message)
    verify(signer.public_key, NAMESPACE, message, blob)
    (folder / "allowed").write_text(f"ana {signer.public_key.text}\n")
    (folder / "sig").write_text(armoured(blob))
    command = ["ssh-keygen", "-Y", "verify", "-f", str(folder / "allowed"), "-I", "ana"]
    command += ["-n", NAMESPACE, "-s", str(folder / "sig")]
    subprocess.run(command, input=message, check=True, capture_output=True)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real ssh-agent, named in the environment."""
    path = tmp_path / "agent.sock"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        while not _listens(path):
            time.sleep(0.005)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        yield path
    finally:
        process.terminate()
        process.wait()


def _listens(path: Path) -> bool:
    """The name is there a moment before somebody listens."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _add(key: Path) -> None:
    subprocess.run(["ssh-add", "-q", str(key)], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def test_a_key_file_signs(tmp_path: Path) -> None:
    signer = load_signer(str(_keygen(tmp_path / "id")))
    assert isinstance(signer, KeySigner)
    _agrees_with_ssh_keygen(signer, tmp_path)


def test_a_key_file_below_the_home_folder_may_be_named_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _keygen(tmp_path / "id")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_signer("~/id")


def test_an_encrypted_key_file_is_pointed_to_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(RelevoError, match="ssh-add") as caught:
        load_signer(str(_keygen(tmp_path / "id", passphrase="correct horse")))
    assert caught.value.code is Code.USAGE


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_other_kinds_of_keys_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(RelevoError) as caught:
        load_signer(str(_keygen(tmp_path / "id", kind)))
    assert caught.value.code is Code.USAGE


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_file_that_is_no_key_is_wrong_input_and_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "id").write_bytes(content)
    with pytest.raises(RelevoError) as caught:
        load_signer(str(tmp_path / "id"))
    assert caught.value.code is Code.USAGE
    assert str(tmp_path / "id") in caught.value.detail


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(RelevoError) as caught:
        load_signer(str(tmp_path / "none"))
    assert caught.value.code is Code.NOT_FOUND


def test_a_pub_file_or_a_fingerprint_names_a_key_in_the_agent(tmp_path: Path, agent: Path) -> None:
    path = _keygen(tmp_path / "id")
    _add(path)
    _add(_keygen(tmp_path / "other"))
    for reference in (f"{path}.pub", load_signer(str(path)).public_key.fingerprint):
        signer = load_signer(reference)
        assert isinstance(signer, AgentSigner)
        assert signer.public_key == load_signer(str(path)).public_key
        _agrees_with_ssh_keygen(signer, tmp_path)


def test_agent_alone_names_the_only_key_it_holds(tmp_path: Path, agent: Path) -> None:
    with pytest.raises(RelevoError) as caught:
        load_signer("agent")
    assert caught.value.code is Code.NOT_FOUND
    _add(_keygen(tmp_path / "id"))
    _add(_keygen(tmp_path / "unusable", "ecdsa"))
    _agrees_with_ssh_keygen(load_signer("agent"), tmp_path)
    _add(_keygen(tmp_path / "second"))
    with pytest.raises(RelevoError) as caught:
        load_signer("agent")
    assert caught.value.code is Code.CONFLICT


def test_an_encrypted_key_that_the_agent_holds_needs_no_passphrase(tmp_path: Path, agent: Path) -> None:
    path = _keygen(tmp_path / "id")
    _add(path)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "locked", "-f", str(path)], check=True)
    assert isinstance(load_signer(str(path)), AgentSigner)


def test_a_key_that_the_agent_lost_is_refused_when_it_should_sign(tmp_path: Path, agent: Path) -> None:
    path = _keygen(tmp_path / "id")
    _add(path)
    signer = load_signer(f"{path}.pub")
    subprocess.run(["ssh-add", "-q", "-D"], check=True, capture_output=True)
    with pytest.raises(RelevoError) as caught:
        signer.sign(b"x")
    assert caught.value.code is Code.REFUSED


def test_without_an_agent_there_is_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(RelevoError) as caught:
        load_signer("agent")
    assert caught.value.code is Code.NOT_FOUND
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nobody"))
    with pytest.raises(RelevoError) as caught:
        load_signer("agent")
    assert caught.value.code is Code.NOT_FOUND


# --- security keys ----------------------------------------------------------------------------------------


def test_a_security_key_behind_an_agent_signs_and_ssh_keygen_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = SecurityKey()
    (tmp_path / "sk.pub").write_text(key.public_key.text + " blue one\n")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "s"))
    with security_key_agent(tmp_path / "s", key):
        for reference in ("agent", key.public_key.fingerprint, str(tmp_path / "sk.pub")):
            _agrees_with_ssh_keygen(load_signer(reference), tmp_path)
    assert key.counter == 3


def test_a_signature_without_a_touch_is_not_accepted(tmp_path: Path) -> None:
    key = SecurityKey()
    key.touched = False
    with security_key_agent(tmp_path / "s", key):
        signer = AgentSigner(SshAgent(tmp_path / "s"), key.public_key)
        blob = sign(signer, NAMESPACE, b"m")
    with pytest.raises(RelevoError) as caught:
        verify(key.public_key, NAMESPACE, b"m", blob)
    assert caught.value.code is Code.SIGNATURE_INVALID


def test_a_security_key_that_refuses_is_a_typed_refusal(tmp_path: Path) -> None:
    key = SecurityKey()
    key.refuses = True
    with security_key_agent(tmp_path / "s", key), pytest.raises(RelevoError) as caught:
        AgentSigner(SshAgent(tmp_path / "s"), key.public_key).sign(b"m")
    assert caught.value.code is Code.REFUSED


def test_an_agent_with_a_very_long_path_is_reached(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 60) / ("e" * 60)
    folder.mkdir(parents=True)
    key = SecurityKey()
    here = os.open(folder, os.O_RDONLY)
    try:
        with security_key_agent(Path(f"/proc/self/fd/{here}/s"), key):
            assert SshAgent(folder / "s").identities()[0].key == key.public_key
    finally:
        os.close(here)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xff\xff\xff", id="huge"),
        pytest.param(b"\0\0\0\0", id="empty"),
        pytest.param(b"\0\0\0\x05\x0c\0\0\0\x09", id="more keys than sent"),
        pytest.param(b"\0\0\0\x09\x0c\0\0\0\x01\xff\xff\xff\xff", id="string longer than the answer"),
        pytest.param(b"\0\0\0\x01\x63", id="another message"),
    ],
)
def test_a_broken_agent_is_a_typed_error(tmp_path: Path, answer: bytes) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.listen(1)

    def serve() -> None:
        client, _ = listening.accept()
        with client:
            client.recv(100)
            client.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(RelevoError) as caught:
        SshAgent(tmp_path / "s").identities()
    assert caught.value.code in (Code.MALFORMED, Code.NOT_FOUND, Code.REFUSED)
    thread.join()
    listening.close()
