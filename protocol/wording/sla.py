"""Words of SLA clocks: lists of tickets and `relevo ticket show --sla`."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "sla.column.due": ("Due", "Vence"),
    "sla.column.clock": ("Clock", "Plazo"),
    "sla.option.due": (
        "The most urgent first: open tickets whose time is running.",
        "Primero los más urgentes: tiques abiertos cuyo plazo corre.",
    ),
    "sla.option.breached": ("Only tickets that are late.", "Solo los tiques fuera de plazo."),
    "sla.option.explain": (
        "How each promised time was counted, minute by minute.",
        "Cómo se ha contado cada plazo, minuto a minuto.",
    ),
    "sla.clock.first_response": ("First response", "Primera respuesta"),
    "sla.clock.resolution": ("Resolution", "Resolución"),
    "sla.clock.next_response": ("Next response", "Respuesta siguiente"),
    "sla.clock.ola": ("Tier", "Nivel"),
    "sla.why.counted": ("counts", "cuenta"),
    "sla.why.awaiting_user": ("does not count: waiting for the user", "no cuenta: se espera a la persona"),
    "sla.why.awaiting_consent": (
        "does not count: waiting for consent",
        "no cuenta: se espera el consentimiento",
    ),
    "sla.why.scheduled": ("does not count: scheduled for later", "no cuenta: programado para más tarde"),
    "sla.why.resolved": ("does not count: it was resolved", "no cuenta: estaba resuelto"),
    "sla.why.other_tier": ("does not count: another tier had it", "no cuenta: lo tenía otro nivel"),
    "sla.hours": (
        "Hours of {customer}: {hours} ({zone}, calendar {calendar})",
        "Horario de {customer}: {hours} ({zone}, calendario {calendar})",
    ),
    "sla.line.running": (
        "{clock}: {used} of {target} used, {left} left, due {due}",
        "{clock}: {used} de {target} consumidos, quedan {left}, vence {due}",
    ),
    "sla.line.paused": (
        "{clock}: paused, {used} of {target} used, {left} left",
        "{clock}: en pausa, {used} de {target} consumidos, quedan {left}",
    ),
    "sla.line.breached": (
        "{clock}: late since {due}, {used} used of {target}",
        "{clock}: vencido desde {due}, {used} consumidos de {target}",
    ),
    "sla.line.met": (
        "{clock}: met, {used} of {target} used",
        "{clock}: cumplido, {used} de {target} consumidos",
    ),
    "sla.line.missed": (
        "{clock}: missed, {used} used of {target}, was due {due}",
        "{clock}: incumplido, {used} consumidos de {target}, vencía {due}",
    ),
    "sla.never": ("never", "nunca"),
    "sla.closed": ("Days with other hours: {days}", "Días con otro horario: {days}"),
    "sla.none": (
        "Nothing is promised to {customer} for P{priority}.",
        "No hay plazos acordados con {customer} para P{priority}.",
    ),
    "sla.cell.late": ("{clock} late {by}", "{clock} vencido {by}"),
    "sla.cell.left": ("{clock} {left}", "{clock} {left}"),
    "sla.cell.paused": ("{clock} paused", "{clock} en pausa"),
}
