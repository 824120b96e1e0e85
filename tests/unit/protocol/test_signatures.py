"""Signed documents: fixed vectors, Debian's own ssh-keygen as the judge, and security keys made in software."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import dsse, ids, sshkeys
from protocol.audit import leaf_data
from protocol.documents import Consent, Document, Grant
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.merkle import leaf_hash
from protocol.sshkeys import KeySigner, PublicKey, pack_string
from protocol.wire import from_json, to_json

V = json.loads((Path(__file__).parents[2] / "vectors" / "documents.json").read_text())
KINDS: dict[str, type[Document]] = {kind.KIND: kind for kind in Document.__subclasses__() if kind.KIND}
SIGNERS = {name: KeySigner.from_seed(bytes.fromhex(row["seed_hex"])) for name, row in V["keys"].items()}


# --- vectors -----------------------------------------------------------------------------------


def test_keys_and_ids_are_those_of_the_vectors() -> None:
    for name, row in V["keys"].items():
        key = PublicKey.from_text(row["public"])
        assert key == SIGNERS[name].public_key
        assert key.fingerprint == row["fingerprint"]
    assert ids.agent_id(SIGNERS["agent"].public_key.blob) == V["agent_id"]


def test_every_kind_of_document_has_a_vector() -> None:
    assert {row["kind"] for row in V["documents"]} == set(KINDS)


@pytest.mark.parametrize("row", V["documents"], ids=lambda row: row["kind"])
def test_documents_envelopes_and_signatures_are_reproduced_byte_for_byte(row: dict[str, object]) -> None:
    kind = KINDS[str(row["kind"])]
    payload = str(row["payload"]).encode()
    document = from_json(payload, kind)
    assert to_json(document) == payload
    signers = [SIGNERS[name] for name in row["signers"]]  # type: ignore[attr-defined]
    envelope = dsse.seal(document, *signers)
    assert json.loads(to_json(envelope)) == row["envelope"]
    assert envelope.payload_type == row["payload_type"]
    assert envelope.digest == row["payload_sha256"]
    message = dsse.pae(envelope.payload_type, envelope.payload)
    assert hashlib.sha256(message).hexdigest() == row["pae_sha256"]
    read = from_json(json.dumps(row["envelope"]), Envelope)
    assert dsse.open_envelope(read, kind, [signer.public_key for signer in signers]) == document


def test_the_leaf_of_a_salted_record_is_that_of_the_vector() -> None:
    row = V["leaf"]
    leaf = leaf_data(bytes.fromhex(row["salt_hex"]), row["record"].encode())
    assert leaf.hex() == row["leaf_hex"]
    assert leaf_hash(leaf).hex() == row["merkle_leaf_hash_hex"]


def test_a_signature_for_one_kind_of_document_is_worthless_for_another() -> None:
    grant = from_json(json.dumps(V["documents"][0]["envelope"]), Envelope)
    as_consent = Envelope(
        payload_type=dsse.payload_type(Consent), payload=grant.payload, signatures=grant.signatures
    )
    with pytest.raises(RelevoError) as caught:
        dsse.open_envelope(as_consent, Consent, [SIGNERS["technician"].public_key])
    assert caught.value.code is Code.SIGNATURE_INVALID


# --- ssh-keygen --------------------------------------------------------------------------------


def keygen_accepts(folder: Path, key: PublicKey, namespace: str, message: bytes, blob: bytes) -> bool:
    """What Debian's ``ssh-keygen -Y verify`` says, with an allowed_signers file that names the namespace."""
    allowed, signature = folder / "allowed_signers", folder / "signature"
    allowed.write_text(f'someone@example.org namespaces="{namespace}" {key.text}\n')
    signature.write_text(sshkeys.armoured(blob))
    command = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", "someone@example.org"]
    command += ["-n", namespace, "-s", str(signature)]
    return (
        subprocess.run(command, input=message, capture_output=True, timeout=30, check=False).returncode == 0
    )


@pytest.mark.parametrize("row", V["documents"], ids=lambda row: row["kind"])
def test_ssh_keygen_accepts_our_envelopes_and_refuses_altered_ones(
    row: dict[str, object], tmp_path: Path
) -> None:
    envelope = from_json(json.dumps(row["envelope"]), Envelope)
    message = dsse.pae(envelope.payload_type, envelope.payload)
    namespace = str(row["kind"])
    for name, signature in zip(row["signers"], envelope.signatures, strict=True):  # type: ignore[call-overload]
        key, blob = SIGNERS[name].public_key, signature.sig
        assert keygen_accepts(tmp_path, key, namespace, message, blob)
        assert not keygen_accepts(tmp_path, key, namespace, message + b" ", blob)
        altered = bytes([message[0] ^ 1]) + message[1:]
        assert not keygen_accepts(tmp_path, key, namespace, altered, blob)
        assert not keygen_accepts(tmp_path, key, namespace, message, blob[:-1] + bytes([blob[-1] ^ 1]))
        assert not keygen_accepts(tmp_path, key, f"{namespace}.other", message, blob)
        stranger = KeySigner.from_seed(bytes([99]) * 32).public_key
        assert not keygen_accepts(tmp_path, stranger, namespace, message, blob)


def test_we_accept_what_ssh_keygen_signs_and_refuse_it_elsewhere(tmp_path: Path) -> None:
    keyfile = tmp_path / "id"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keyfile)], check=True, timeout=30
    )
    key = PublicKey.from_text((tmp_path / "id.pub").read_text())
    message = b"DSSEv1 exactly these bytes"
    signed = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", str(keyfile), "-n", Grant.KIND],
        input=message,
        capture_output=True,
        check=True,
        timeout=30,
    ).stdout.decode()
    import base64

    blob = base64.b64decode("".join(signed.splitlines()[1:-1]))
    assert sshkeys.armoured(blob) == signed
    sshkeys.verify(key, Grant.KIND, message, blob)
    assert sshkeys.claimed_key(blob) == key
    for namespace, text in ((Consent.KIND, message), (Grant.KIND, message + b"!")):
        with pytest.raises(RelevoError) as caught:
            sshkeys.verify(key, namespace, text, blob)
        assert caught.value.code is Code.SIGNATURE_INVALID


# --- security keys (sk-ssh-ed25519@openssh.com) ------------------------------------------------


class SoftwareSecurityKey:
    """Signs as a FIDO token does (OpenSSH PROTOCOL.u2f): over application, flags, counter and hash."""

    def __init__(self, *, flags: int = 0x01, application: bytes = b"ssh:") -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(bytes([42]) * 32)
        self._flags = flags
        self._application = application
        self._counter = 7

    @property
    def public_key(self) -> PublicKey:
        raw = self._private.public_key().public_bytes_raw()
        return PublicKey.from_blob(
            pack_string(sshkeys.SK_ED25519.encode()) + pack_string(raw) + pack_string(b"ssh:")
        )

    def sign(self, data: bytes) -> bytes:
        state = struct.pack(">BI", self._flags, self._counter)
        signed = hashlib.sha256(self._application).digest() + state + hashlib.sha256(data).digest()
        return pack_string(sshkeys.SK_ED25519.encode()) + pack_string(self._private.sign(signed)) + state


def test_a_security_keys_signature_is_accepted_here_and_by_ssh_keygen(tmp_path: Path) -> None:
    token, message = SoftwareSecurityKey(), b"touch me"
    blob = sshkeys.sign(token, Grant.KIND, message)
    sshkeys.verify(token.public_key, Grant.KIND, message, blob)
    assert keygen_accepts(tmp_path, token.public_key, Grant.KIND, message, blob)


@pytest.mark.parametrize("flags", [0x00, 0x04, 0xFE])
def test_a_security_key_that_nobody_touched_is_refused(flags: int) -> None:
    token, message = SoftwareSecurityKey(flags=flags), b"touch me"
    with pytest.raises(RelevoError) as caught:
        sshkeys.verify(token.public_key, Grant.KIND, message, sshkeys.sign(token, Grant.KIND, message))
    assert caught.value.code is Code.SIGNATURE_INVALID
    assert "touched" in caught.value.detail


def test_the_touch_cannot_be_added_afterwards() -> None:
    token, message = SoftwareSecurityKey(flags=0x00), b"touch me"
    blob = bytearray(sshkeys.sign(token, Grant.KIND, message))
    assert blob[-5] == 0x00
    blob[-5] = 0x01
    with pytest.raises(RelevoError) as caught:
        sshkeys.verify(token.public_key, Grant.KIND, message, bytes(blob))
    assert caught.value.code is Code.SIGNATURE_INVALID


def test_a_security_keys_signature_for_another_application_is_refused() -> None:
    token, message = SoftwareSecurityKey(application=b"https://bank.example"), b"touch me"
    with pytest.raises(RelevoError) as caught:
        sshkeys.verify(token.public_key, Grant.KIND, message, sshkeys.sign(token, Grant.KIND, message))
    assert caught.value.code is Code.SIGNATURE_INVALID


def test_a_grant_can_be_signed_by_a_security_key_and_no_byte_of_it_changed() -> None:
    token = SoftwareSecurityKey()
    grant = from_json(str(V["documents"][0]["payload"]).encode(), Grant)
    envelope = dsse.seal(grant, token)
    assert dsse.open_envelope(envelope, Grant, [token.public_key]) == grant
    for at in range(len(envelope.payload)):
        changed = bytearray(envelope.payload)
        changed[at] ^= 1
        forged = Envelope(
            payload_type=envelope.payload_type, payload=bytes(changed), signatures=envelope.signatures
        )
        with pytest.raises(RelevoError) as caught:
            dsse.open_envelope(forged, Grant, [token.public_key])
        assert caught.value.code is Code.SIGNATURE_INVALID


def test_no_byte_of_a_signature_can_be_changed() -> None:
    signer, message = SIGNERS["agent"], b"the message"
    blob = sshkeys.sign(signer, Consent.KIND, message)
    for at in range(len(blob)):
        changed = bytearray(blob)
        changed[at] ^= 1
        with pytest.raises(RelevoError) as caught:
            sshkeys.verify(signer.public_key, Consent.KIND, message, bytes(changed))
        assert caught.value.code in (Code.SIGNATURE_INVALID, Code.MALFORMED)
    for end in range(len(blob)):
        with pytest.raises(RelevoError):
            sshkeys.verify(signer.public_key, Consent.KIND, message, blob[:end])


def test_no_required_key_is_never_enough() -> None:
    envelope = from_json(json.dumps(V["documents"][0]["envelope"]), Envelope)
    with pytest.raises(RelevoError) as caught:
        dsse.open_envelope(envelope, Grant, [])
    assert caught.value.code is Code.SIGNATURE_INVALID
    with pytest.raises(RelevoError):
        dsse.open_envelope(envelope, Grant, [SIGNERS["technician"].public_key, SIGNERS["agent"].public_key])
