"""Words of early warning: on tickets, of `relevo agent trends` and `warnings`, of `relevo-agent trends`."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    # On the ticket.
    "warning.disk.title": (
        "{host}: {subject} will be full in {eta}",
        "{host}: {subject} se llenará en {eta}",
    ),
    "warning.disk.now": ("{host}: {subject} is filling up now", "{host}: {subject} se está llenando ahora"),
    "warning.disk.why": (
        "{value} of {limit} are in use, and it grows by {slope} a day.",
        "Hay {value} ocupados de {limit}, y crece {slope} al día.",
    ),
    "warning.memory.title": (
        "{host}: memory will run out in {eta}",
        "{host}: la memoria se agotará en {eta}",
    ),
    "warning.memory.now": ("{host}: memory is running out now", "{host}: la memoria se está agotando ahora"),
    "warning.memory.why": (
        "{value} of {limit} are in use, and it grows by {slope} a day without falling again: something does not give memory back.",
        "Hay {value} ocupados de {limit}, y crece {slope} al día sin volver a bajar: algo no devuelve la memoria.",
    ),
    "warning.battery.title": (
        "{host}: battery {subject} will be worn out in {eta}",
        "{host}: la batería {subject} estará gastada en {eta}",
    ),
    "warning.battery.now": (
        "{host}: battery {subject} is worn out",
        "{host}: la batería {subject} está gastada",
    ),
    "warning.battery.why": (
        "A full charge holds {value} % of what it held when new.",
        "Una carga completa da el {value} % de lo que daba cuando era nueva.",
    ),
    "warning.crash.title": (
        "{host}: service {subject} keeps crashing",
        "{host}: el servicio {subject} se cae una y otra vez",
    ),
    "warning.crash.now": (
        "{host}: service {subject} keeps crashing",
        "{host}: el servicio {subject} se cae una y otra vez",
    ),
    "warning.crash.why": (
        "It was started again {count} times within {hours} hours.",
        "Se ha vuelto a arrancar {count} veces en {hours} horas.",
    ),
    "warning.certificate.title": (
        "{host}: a certificate ends in {eta} ({subject})",
        "{host}: un certificado caduca en {eta} ({subject})",
    ),
    "warning.certificate.now": (
        "{host}: a certificate has ended ({subject})",
        "{host}: un certificado ha caducado ({subject})",
    ),
    "warning.certificate.why": ("It is valid until {end}.", "Es válido hasta el {end}."),
    "warning.fit": (
        "From {points} readings between {since} and {until}; the straight line through them explains them well (R² {r2}).",
        "Según {points} lecturas entre {since} y {until}; la recta que pasa por ellas las explica bien (R² {r2}).",
    ),
    "warning.judge": (
        "Relevo opened this ticket by itself, from facts that the machine sends. When you resolve it, say by the cause whether the warning was right: false_alarm if it was not.",
        "Relevo abrió este tique por sí solo, con datos que envía el equipo. Al resolverlo, diga con la causa si el aviso era acertado: false_alarm si no lo era.",
    ),
    "span.days": ("about {count} days", "unos {count} días"),
    "span.hours": ("about {count} hours", "unas {count} horas"),
    "span.soon": ("less than two hours", "menos de dos horas"),
    # relevo agent trends, warnings, warning.
    "agent.trends": (
        "What a machine with standing consent tells by itself, and what it says about the near future.",
        "Lo que comunica por sí solo un equipo con consentimiento permanente, y lo que anuncia para los próximos días.",
    ),
    "agent.trends.example": ("relevo agent trends ag-… --kind disk", "relevo agent trends ag-… --kind disk"),
    "agent.trends.none": (
        "This machine tells nothing by itself.",
        "Este equipo no comunica nada por sí solo.",
    ),
    "agent.trends.nothing": ("There are no such readings.", "No hay lecturas de este tipo."),
    "agent.trends.heard": (
        "Heard at {at}; the newest reading is of {taken}.",
        "Recibido: {at}; la última lectura es de {taken}.",
    ),
    "agent.trends.lost": (
        "Samples that never came: {missing}; that could not be and were refused: {refused}.",
        "Lecturas que no llegaron: {missing}; imposibles, y por eso rechazadas: {refused}.",
    ),
    "agent.trends.quiet": ("nothing to warn of", "sin nada que avisar"),
    "agent.trends.in": ("in {eta}", "en {eta}"),
    "agent.warnings": (
        "Early warnings, newest first, and how often each kind was right.",
        "Avisos tempranos, primero los más recientes, y con qué frecuencia acertó cada clase.",
    ),
    "agent.warnings.example": ("relevo agent warnings --open", "relevo agent warnings --open"),
    "agent.warnings.none": ("No warnings.", "No hay avisos."),
    "agent.warnings.review": ("needs review", "hay que revisarla"),
    "agent.warning": (
        "Show what a ticket of an early warning rests on, or say whether it was right.",
        "Mostrar en qué se basa el tique de un aviso temprano, o decir si era acertado.",
    ),
    "agent.warning.example": ("relevo agent warning T-12 true", "relevo agent warning T-12 true"),
    "agent.warning.true": (
        "Noted: the warning of {ticket} was right.",
        "Anotado: el aviso de {ticket} era acertado.",
    ),
    "agent.warning.false": (
        "Noted: the warning of {ticket} was a false alarm.",
        "Anotado: el aviso de {ticket} era una falsa alarma.",
    ),
    "option.trend-kind": ("Only this kind.", "Solo esta clase."),
    "option.warnings-open": (
        "Only those whose ticket is open.",
        "Solo los que tienen el tique abierto.",
    ),
    "option.warnings-agent": ("Only of this machine.", "Solo de este equipo."),
    "option.warnings-customer": ("Only of this customer.", "Solo de este cliente."),
    "severity.notice": ("notice", "aviso"),
    "severity.warning": ("warning", "advertencia"),
    "severity.critical": ("critical", "crítico"),
    "column.subject": ("Subject", "De qué"),
    "column.points": ("Readings", "Lecturas"),
    "column.value": ("Now", "Ahora"),
    "column.a_day": ("A day", "Al día"),
    "column.forecast": ("Forecast", "Previsión"),
    "column.severity": ("Severity", "Gravedad"),
    "column.right": ("Right?", "¿Acertó?"),
    "column.was_right": ("Right", "Aciertos"),
    "column.opened": ("Opened", "Abiertos"),
    "column.judged": ("Judged", "Valorados"),
    "column.judged_by": ("Judged by", "Valorado por"),
    "column.precision": ("Precision", "Precisión"),
    "column.eta": ("Left", "Queda"),
    "column.fit": ("R²", "R²"),
    "option.trend-plot": (
        "Draw the readings of --kind (disk if none is named) and where they lead, as SVG.",
        "Dibujar en SVG las lecturas de --kind (disk si no se indica) y adónde llevan.",
    ),
    "trends.plot.disk": ("Space in use", "Espacio ocupado"),
    "trends.plot.memory": ("Memory in use", "Memoria ocupada"),
    "trends.plot.battery": ("What a full charge holds", "Lo que da una carga completa"),
    "trends.plot.crash": ("Restarts of services", "Reinicios de servicios"),
    "trends.plot.certificate": ("Certificates: time left", "Certificados: tiempo restante"),
    "trends.plot.written": ("Written: {file}", "Escrito: {file}"),
    "trends.plot.ahead": ("{subject}, forecast", "{subject}, previsión"),
    "trends.axis.time": ("Day (UTC)", "Día (UTC)"),
    "trends.axis.disk": ("share of the space", "parte del espacio"),
    "trends.axis.memory": ("share of the memory", "parte de la memoria"),
    "trends.axis.battery": ("share of the design", "parte de la capacidad de fábrica"),
    "trends.axis.crash": ("restarts since the machine started", "reinicios desde el arranque del equipo"),
    "trends.axis.certificate": ("days left", "días restantes"),
}
