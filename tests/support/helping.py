"""A real organisation repository on disk, and a root helper as a real process that is fed from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from agent.fixes.checks import Machine
from agent.folder import Membership
from agent.helper.client import HelperDesk
from protocol.drivers.repository import Repository
from protocol.drivers.sources import from_folder
from protocol.organisation import Organisation
from protocol.scopes import Mode, Role
from protocol.sshkeys import KeySigner
from technician.org import fixes, people
from tests.support.fixing import AGENT, FixWorld, key
from tests.support.tuf_broker import FolderBroker, organisation, republish

T = TypeVar("T")


class RepositoryTrust:
    """``agent.fixes.catalogue.Trusted`` of the worker's side."""

    def __init__(self, folder: Path, root: str, broker: FolderBroker) -> None:
        self.repository = Repository(folder, root, from_folder(broker.folder))
        self.refresh()

    def refresh(self) -> Organisation:
        return self.repository.refresh(datetime.now(UTC))

    async def for_fixes(self) -> Organisation:
        return self.repository.organisation

    async def with_repository(self, use: Callable[[Repository], T]) -> T:
        return use(self.repository)


class HelperWorld(FixWorld):
    """Like ``FixWorld``, but fixes run in the root helper."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        now = datetime.now(UTC)
        self.home, self.broker, self.root = organisation(folder / "org", now)
        people.add_customer(self.home, "acme", "Acme")
        for id_, tier, roles in (("ana", 1, [Role.TECHNICIAN]), ("bea", 3, [Role.TECHNICIAN, Role.APPROVER])):
            public = folder / f"{id_}.pub"
            public.write_text(key(id_).public_key.text + "\n")
            people.add_technician(self.home, id_, id_.title(), tier, roles, [], [public])
        self.issuer = KeySigner.from_seed(b"i" * 32)
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)

    def publish(self, *directories: Path) -> None:
        for directory in directories:
            fixes.add_fix(self.home, directory)
        republish(self.home, self.broker, datetime.now(UTC))

    def connect(self) -> HelperDesk:
        """The worker's side, with a helper that it starts itself."""
        self.trust = RepositoryTrust(self.folder / "worker-repository", self.root, self.broker)
        self.org = self.trust.repository.organisation.roster.org
        self.machine = Machine(org=self.org, agent=AGENT, customer="acme")
        self.membership = Membership(
            agent=AGENT,
            org=self.org,
            org_name="Ayuda",
            customer="acme",
            mode=Mode.ATTENDED,
            url="wss://127.0.0.1:1",
            tls_sha256=None,
            root_sha256=self.root,
        )
        self.credentials = self.papers()
        self.desk = self.new_helper_desk()  # type: ignore[assignment]
        return self.desk  # type: ignore[return-value]

    def new_helper_desk(self) -> HelperDesk:
        return HelperDesk(self.data, self.membership, self.trust, self.machine, lambda: datetime.now(UTC))
