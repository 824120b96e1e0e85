"""A file that a technician put on a ticket: proved by the roster, for whoever gets it."""

from __future__ import annotations

from protocol.documents import Attachment
from protocol.dsse import open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.organisation import Organisation, Technician, require_active_key
from protocol.sshkeys import PublicKey


def by_technician(envelope: Envelope, organisation: Organisation) -> tuple[Attachment, Technician]:
    """What was signed, and who signed it.

    Raises:
        RelevoError: ``malformed``; ``signature-invalid``; ``not-in-roster``, also for what no technician
            made; ``revoked`` for a key that is trusted no more, whenever it signed.
    """
    claimed = unsafe_peek(envelope, Attachment)
    person, key = organisation.roster.technician(claimed.technician or ""), PublicKey.from_text(claimed.key)
    require_active_key(organisation, person, key)
    return open_envelope(envelope, Attachment, [key]), person
