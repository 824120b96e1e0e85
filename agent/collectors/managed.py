"""Collector ``services``: what should run, what does, and what failed."""

from __future__ import annotations

from agent import services
from agent.collectors.base import Context, NotApplicable
from agent.services import State
from protocol.diagnosis import FactClass, Output, Status, fact, table
from protocol.errors import RelevoError


def services_(context: Context) -> Output:
    """Services of every manager that this machine has (``agent.services``)."""
    managers = services.managers()
    found: dict[str, services.Service] = {}
    for manager in managers:
        try:
            for service in manager.list():
                found.setdefault(service.name, service)
        except (RelevoError, OSError):
            context.warn(f"manager-failed: {manager.name}")
    if not found:
        raise NotApplicable("no-services")
    rows = sorted(found.values(), key=lambda service: (service.state is not State.FAILED, service.name))
    failed = [service for service in rows if service.state is State.FAILED]
    stopped = [service for service in rows if service.state is State.STOPPED and service.enabled]
    return Output(
        status=Status.PARTIAL if context.warnings else Status.OK,
        reason=context.warnings[0] if context.warnings else "",
        facts=(
            fact("service_count", len(rows)),
            fact("running_count", sum(1 for service in rows if service.state is State.RUNNING)),
            fact("failed_count", len(failed)),
            fact("stopped_enabled_count", len(stopped)),
            fact("managers", " ".join(manager.name for manager in managers)),
        ),
        tables=(
            table(
                "services",
                ("name", "manager", "state", "enabled", "pid", "restart_count", ("detail", FactClass.TEXT)),
                (
                    (
                        service.name,
                        service.manager,
                        service.state.value,
                        service.enabled,
                        service.pid,
                        service.restarts,
                        service.detail,
                    )
                    for service in rows
                ),
                limit=400,
            ),
        ),
    )
