"""A short-lived child that signs the link's hello, so that the idle agent never loads `cryptography`.

Reads one JSON document on stdin (``folder``, ``nonce``, ``tls_sha256``) and writes the envelope of a
``LinkProof`` on stdout. Costs one process a connection and saves about 10 MB while idle.
"""

from __future__ import annotations

import sys
from pathlib import Path

from agent import identity
from agent.folder import Folder
from agent.messages import Proof, ProofWanted
from protocol.documents import PROTOCOL_VERSION, LinkProof
from protocol.dsse import seal
from protocol.wire import from_json, to_json


def prove(wanted: ProofWanted) -> Proof:
    """The signed proof. Raises RelevoError: ``not-connected``, ``malformed``."""
    signer = identity.load(Folder(Path(wanted.folder)))
    proof = LinkProof(
        version=PROTOCOL_VERSION,
        agent=identity.id_of(signer),
        nonce=wanted.nonce,
        tls_sha256=wanted.tls_sha256,
    )
    return Proof(key=signer.public_key.text, envelope=seal(proof, signer))


if __name__ == "__main__":
    sys.stdout.buffer.write(to_json(prove(from_json(sys.stdin.buffer.read(4_096), ProofWanted))))
