"""Services of this machine, whoever manages them: the one place that finds out who does."""

from __future__ import annotations

from agent import processes
from agent.services import runit, supervisor, systemd, sysv
from agent.services.model import Manager, Outcome, Service, State
from agent.services.pidfile import Pidfile
from protocol.errors import Code, RelevoError

__all__ = ["Manager", "Outcome", "Service", "State", "list_all", "managers", "start", "status", "stop"]


def managers() -> tuple[Manager, ...]:
    """The managers that this machine has, the one to ask first first.

    System V scripts are left out under systemd, which runs them itself.
    """
    found: list[Manager] = []
    if systemd.booted():
        found.append(systemd.Systemd())
    if processes.find_program("sv"):
        found += [
            runit.Runit(folder) for folder in runit.FOLDERS if folder.is_dir() and not folder.is_symlink()
        ]
    if processes.find_program("supervisorctl"):
        found += [supervisor.Supervisor(path) for path in supervisor.CONFIGURATIONS if path.is_file()]
    if not systemd.booted() and processes.find_program("service") and sysv.SCRIPTS.is_dir():
        found.append(sysv.Sysv())
    found.append(Pidfile())
    return tuple(found)


def status(name: str) -> Service:
    """The service as the first manager that knows it sees it.

    Raises:
        RelevoError: ``not-found`` when no manager knows it, ``parameter-invalid`` for a name that
            cannot be one.
    """
    return _managed(name)[1]


def start(name: str) -> Outcome:
    """Start it. Raises RelevoError as ``status``; ``not-applicable`` when nobody can start it."""
    return _managed(name)[0].start(name)


def stop(name: str) -> Outcome:
    """Stop it. Raises RelevoError as ``status``."""
    return _managed(name)[0].stop(name)


def list_all() -> tuple[Service, ...]:
    """Every service of every manager; a name that two know is told by the first."""
    found: dict[str, Service] = {}
    for manager in managers():
        for service in manager.list():
            found.setdefault(service.name, service)
    return tuple(found.values())


def _managed(name: str) -> tuple[Manager, Service]:
    for manager in managers():
        service = manager.status(name)
        if service is not None:
            return manager, service
    raise RelevoError(Code.NOT_FOUND, f"service {name}")
