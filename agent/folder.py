"""Where an agent keeps things: one folder, its owner's alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from protocol.drivers.files import private_folder, read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.ids import AgentId, OrgId
from protocol.scopes import Mode
from protocol.wire import Line, Name, Sha256, Wire, from_json, to_json


class Membership(Wire, frozen=True):
    """What enrolment settled: the one organisation this machine talks to."""

    agent: AgentId
    org: OrgId
    org_name: Line
    customer: Name
    mode: Mode
    url: str
    tls_sha256: Sha256 | None
    root_sha256: Sha256


@dataclass(frozen=True)
class Folder:
    """The agent's data folder (``--data``)."""

    root: Path

    @property
    def key(self) -> Path:
        """The agent's Ed25519 seed, 32 bytes, mode 0600."""
        return self.root / "agent.key"

    @property
    def membership_file(self) -> Path:
        return self.root / "membership.json"

    @property
    def journal(self) -> Path:
        return self.root / "journal.db"

    @property
    def repository(self) -> Path:
        return self.root / "repository"

    @property
    def floor(self) -> Path:
        return self.root / "consent-floor.json"

    @property
    def trends_consent(self) -> Path:
        return self.root / "trends-consent.json"

    @property
    def trends(self) -> Path:
        """Samples that wait for the broker, where this machine tells trends."""
        return self.root / "trends.db"

    @property
    def pseudonyms(self) -> Path:
        """Secret from which per-ticket pseudonym keys are derived."""
        return self.root / "pseudonyms.key"

    @property
    def exchange(self) -> Path:
        """The only folder that scope ``files`` opens."""
        return self.root / "exchange"

    @property
    def run(self) -> Path:
        return private_folder(self.root / "run")

    @property
    def socket(self) -> Path:
        return self.run / "agent.sock"

    @property
    def state(self) -> Path:
        """Link state of the running agent, for `status` and the ``agent`` collector."""
        return self.run / "state.json"

    def worker(self, grant: str) -> Path:
        """Who works for this session (process id and start time), for `stop` without the agent."""
        return self.run / f"worker-{grant}.json"

    def session(self, grant: str) -> Path:
        return self.root / "sessions" / grant

    def membership(self) -> Membership:
        """Raises RelevoError: ``not-connected`` before enrolment."""
        try:
            return from_json(read_file(self.membership_file), Membership)
        except RelevoError as error:
            if error.code is Code.NOT_FOUND:
                raise RelevoError(Code.NOT_CONNECTED, f"no enrolment in {self.root}") from error
            raise

    def remember(self, membership: Membership) -> None:
        write_private(self.membership_file, to_json(membership))
