"""Words of reports: what each metric is called and means, the commands, tables and plots."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    # What the metrics mean. docs/reports.md has the same definitions with examples.
    "metric.sla-attainment": ("Promises kept (SLA)", "Compromisos cumplidos (SLA)"),
    "metric.sla-attainment.definition": (
        "Clocks that stopped within their target in the period, of all that stopped in it and all that still"
        " ran over their target at its end. Business time of the customer's calendar.",
        "Relojes que pararon dentro de su plazo en el periodo, sobre todos los que pararon en él y los que"
        " al final seguían en marcha con el plazo pasado. Tiempo laborable del calendario del cliente.",
    ),
    "metric.ola-attainment": (
        "Promises between tiers kept (OLA)",
        "Compromisos entre niveles cumplidos (OLA)",
    ),
    "metric.ola-attainment.definition": (
        "As the SLA, of the time that each tier had the ticket.",
        "Como el SLA, sobre el tiempo que cada nivel tuvo el tique.",
    ),
    "metric.mtta": ("Time to acknowledge (MTTA)", "Tiempo hasta atender (MTTA)"),
    "metric.mtta.definition": (
        "From the opening of the tickets opened in the period until a technician took each up: took or started"
        " it, replied, escalated, put it on hold or resolved it. Those nobody took up yet are left out.",
        "Desde que se abrió cada tique abierto en el periodo hasta que una persona técnica se ocupó de él: lo"
        " tomó o empezó, respondió, lo escaló, lo dejó en espera o lo resolvió. No cuentan los que nadie ha"
        " atendido todavía.",
    ),
    "metric.mttr": ("Time to resolve (MTTR)", "Tiempo hasta resolver (MTTR)"),
    "metric.mttr.definition": (
        "From the opening to the latest resolution of the tickets first resolved in the period, without the"
        " time between a resolution and its reopening. Those that are open again are left out.",
        "Desde la apertura hasta la última resolución de los tiques resueltos por primera vez en el periodo,"
        " sin el tiempo entre una resolución y su reapertura. No cuentan los que vuelven a estar abiertos.",
    ),
    "metric.fcr": ("Resolved at first contact (FCR)", "Resueltos al primer contacto (FCR)"),
    "metric.fcr.definition": (
        "Tickets for which the user had to speak once only, that were never escalated and not reopened, of"
        " those first resolved in the period that a first contact could have resolved: opened by a person, not"
        " solved by the user alone, never waiting for a vendor, a change, an approval or a date, and not"
        " caused by hardware or from outside.",
        "Tiques en los que la persona solo tuvo que hablar una vez, que no se escalaron ni se reabrieron,"
        " sobre los resueltos por primera vez en el periodo que un primer contacto podía resolver: abiertos"
        " por una persona, no resueltos por ella sola, que nunca esperaron a un proveedor, un cambio, una"
        " aprobación o una fecha, y cuya causa no fue el hardware ni algo externo.",
    ),
    "metric.flr": ("Resolved by the first tier (FLR)", "Resueltos en el primer nivel (FLR)"),
    "metric.flr.definition": (
        "Tickets resolved by L1 and never escalated, of those first resolved in the period.",
        "Tiques resueltos por L1 y nunca escalados, sobre los resueltos por primera vez en el periodo.",
    ),
    "metric.escalation-rate": ("Escalation rate", "Tasa de escalado"),
    "metric.escalation-rate.definition": (
        "Tickets passed to a higher tier at least once, of those first resolved in the period.",
        "Tiques pasados al menos una vez a un nivel superior, sobre los resueltos por primera vez en el"
        " periodo.",
    ),
    "metric.bounce-rate": ("Bounce rate", "Tasa de devolución"),
    "metric.bounce-rate.definition": (
        "Escalations that were sent back, of those of the period.",
        "Escalados que se devolvieron, sobre los del periodo.",
    ),
    "metric.reopen-rate": ("Reopen rate", "Tasa de reapertura"),
    "metric.reopen-rate.definition": (
        "Tickets reopened at least once until now, of those first resolved in the period.",
        "Tiques reabiertos al menos una vez hasta ahora, sobre los resueltos por primera vez en el periodo.",
    ),
    "metric.resolved": ("Resolved tickets", "Tiques resueltos"),
    "metric.resolved.definition": (
        "Tickets first resolved in the period, by the tier that resolved them; tier 0 is the user alone.",
        "Tiques resueltos por primera vez en el periodo, según el nivel que los resolvió; el nivel 0 es la"
        " persona por sí sola.",
    ),
    "metric.backlog": ("Backlog", "Tiques pendientes"),
    "metric.backlog.definition": (
        "Tickets that were open (new, assigned, in progress or pending) at the moment; their age runs from"
        " their opening.",
        "Tiques que estaban abiertos (nuevos, asignados, en curso o en espera) en ese momento; su edad se"
        " cuenta desde la apertura.",
    ),
    "metric.csat": ("Satisfaction (CSAT)", "Satisfacción (CSAT)"),
    "metric.csat.definition": (
        "Answers of 4 or 5, of all answers to the questions put in the period. Not stated with fewer than 10"
        " answers.",
        "Respuestas de 4 o 5, sobre todas las respuestas a las preguntas hechas en el periodo. No se da con"
        " menos de 10 respuestas.",
    ),
    "metric.csat-response": ("Response rate", "Tasa de respuesta"),
    "metric.csat-response.definition": (
        "Answers, of the questions put in the period. Each ticket is asked about once, when it is first"
        " resolved.",
        "Respuestas, sobre las preguntas hechas en el periodo. Por cada tique se pregunta una vez, cuando se"
        " resuelve por primera vez.",
    ),
    "metric.recurrence": ("Recurrence", "Recurrencia"),
    "metric.recurrence.definition": (
        "Tickets for which the same customer opened an earlier one with the same known error at most 30 days"
        " before, of those first resolved in the period. Known error: of a signature that matched, or the"
        " article that resolved it.",
        "Tiques cuyo cliente había abierto otro con el mismo error conocido como mucho 30 días antes, sobre"
        " los resueltos por primera vez en el periodo. Error conocido: el de una firma que coincidió o el"
        " artículo con que se resolvió.",
    ),
    "metric.problem-candidates": ("Problem candidates", "Posibles problemas de fondo"),
    "metric.problem-candidates.definition": (
        "Signatures that matched on 3 tickets or 3 machines or more in some 7 days of the period.",
        "Firmas que coincidieron en 3 tiques o 3 equipos o más en 7 días seguidos del periodo.",
    ),
    "metric.self-service-runs": ("Self-service runs", "Usos del autoservicio"),
    "metric.self-service-runs.definition": (
        "Self-services that ended in the period, by how they ended.",
        "Usos del autoservicio que terminaron en el periodo, según cómo terminaron.",
    ),
    "metric.deflection": ("Deflection", "Tiques evitados"),
    "metric.deflection.definition": (
        "Self-services that ended as solved and were followed by no ticket from that machine in the category"
        " within 72 hours, of those that ended in the period and whose 72 hours are over.",
        "Usos del autoservicio que terminaron con el problema resuelto y sin tique de ese equipo en la categoría en"
        " las 72 horas siguientes, sobre los que terminaron en el periodo y cuyas 72 horas ya han pasado.",
    ),
    "metric.fix-success": ("Fix success", "Éxito de las reparaciones"),
    "metric.fix-success.definition": (
        "Runs that verified, of the runs begun in the period that changed a machine.",
        "Ejecuciones verificadas, sobre las empezadas en el periodo que cambiaron un equipo.",
    ),
    "metric.verify-caught": ("Caught by verification", "Detectadas por la verificación"),
    "metric.verify-caught.definition": (
        "Runs whose verification found that they had not helped, of the runs begun in the period that were"
        " verified.",
        "Ejecuciones en las que la verificación encontró que no habían servido, sobre las empezadas en el"
        " periodo que se verificaron.",
    ),
    "metric.undo-success": ("Undo success", "Éxito al deshacer"),
    "metric.undo-success.definition": (
        "Runs that were undone, of the runs begun in the period whose undoing ended.",
        "Ejecuciones deshechas, sobre las empezadas en el periodo que se intentaron deshacer hasta el final.",
    ),
    "metric.signature-coverage": ("Signature coverage", "Cobertura de las firmas"),
    "metric.signature-coverage.definition": (
        "Tickets on which a signature matched that nobody called wrong, of those first resolved in the period"
        " that have an evaluated diagnosis.",
        "Tiques en los que coincidió una firma que nadie dio por errónea, sobre los resueltos por primera vez"
        " en el periodo que tienen un diagnóstico evaluado.",
    ),
    "metric.signature-precision": ("Signature precision", "Precisión de las firmas"),
    "metric.signature-precision.definition": (
        "Matches that technicians confirmed, of those that they judged, in the period.",
        "Coincidencias que el equipo técnico confirmó, sobre las que juzgó, en el periodo.",
    ),
    "metric.signature-unknown": ("Unknown results", "Resultados desconocidos"),
    "metric.signature-unknown.definition": (
        "Evaluations that could not be decided because something was missing, of those of the period.",
        "Evaluaciones que no se pudieron decidir porque faltaba algo, sobre las del periodo.",
    ),
    "metric.warning-precision": ("Early warning precision", "Precisión de los avisos tempranos"),
    "metric.warning-precision.definition": (
        "Warnings that were right, of those opened in the period that somebody judged.",
        "Avisos acertados, sobre los abiertos en el periodo que alguien juzgó.",
    ),
    # What figures are narrowed by.
    "reports.by.clock": ("{value}", "{value}"),
    "reports.by.tier": ("L{value}", "L{value}"),
    "reports.by.to_tier": ("to L{value}", "a L{value}"),
    "reports.by.priority": ("P{value}", "P{value}"),
    "reports.by.category": ("category {value}", "categoría {value}"),
    "reports.by.customer": ("customer {value}", "cliente {value}"),
    "reports.by.signature": ("signature {value}", "firma {value}"),
    "reports.clock.first_response": ("First response", "Primera respuesta"),
    "reports.clock.resolution": ("Resolution", "Resolución"),
    "reports.clock.next_response": ("Next response", "Respuesta siguiente"),
    "reports.age.0-1d": ("under 1 day", "menos de 1 día"),
    "reports.age.1-3d": ("1 to 3 days", "de 1 a 3 días"),
    "reports.age.3-7d": ("3 to 7 days", "de 3 a 7 días"),
    "reports.age.7-30d": ("7 to 30 days", "de 7 a 30 días"),
    "reports.age.30d+": ("30 days or more", "30 días o más"),
    "reports.outcome.solved": ("solved", "resuelto"),
    "reports.outcome.ticket": ("became a ticket", "acabó en tique"),
    "reports.outcome.abandoned": ("abandoned", "abandonado"),
    "reports.statistic.mean": ("mean", "media"),
    "reports.statistic.median": ("median", "mediana"),
    "reports.statistic.p90": ("90 % within", "el 90 % en"),
    "reports.business": ("business hours", "horas laborables"),
    "reports.note.no-data": ("no data", "sin datos"),
    "reports.note.too-few": ("too few answers", "pocas respuestas"),
    "reports.yes": ("yes", "sí"),
    # A report for people.
    "reports.title.sla": ("Service levels", "Niveles de servicio"),
    "reports.title.tiers": ("Work of the tiers", "Trabajo por niveles"),
    "reports.title.quality": ("Quality of support", "Calidad del soporte"),
    "reports.title.recurring": ("Recurring problems", "Problemas recurrentes"),
    "reports.title.backlog": ("Backlog", "Tiques pendientes"),
    "reports.title.csat": ("Satisfaction", "Satisfacción"),
    "reports.title.self-service": ("Self-service", "Autoservicio"),
    "reports.period": ("From {since} until {until}", "Desde {since} hasta {until}"),
    "reports.filters": ("Only {filters}", "Solo {filters}"),
    "reports.nothing": ("Nothing happened in this period.", "No hay nada en este periodo."),
    "reports.seen": ("{value}: {count} machines", "{value}: {count} equipos"),
    "reports.written": ("Written: {file}", "Escrito: {file}"),
    "reports.column.metric": ("Figure", "Indicador"),
    "reports.column.of": ("Of", "De"),
    "reports.column.value": ("Value", "Valor"),
    "reports.column.from": ("From", "A partir de"),
    "reports.column.known-error": ("Known error", "Error conocido"),
    "reports.column.candidate": ("Candidate", "Posible problema"),
    "reports.column.tickets": ("Tickets", "Tiques"),
    "reports.column.machines": ("Machines", "Equipos"),
    "reports.column.customers": ("Customers", "Clientes"),
    "reports.column.first": ("First seen", "Primera vez"),
    "reports.column.last": ("Last seen", "Última vez"),
    # Plots.
    "reports.axis.share": ("Share (%)", "Proporción (%)"),
    "reports.axis.tickets": ("Tickets", "Tiques"),
    "reports.axis.runs": ("Runs", "Ejecuciones"),
    "reports.axis.metric": ("Figure", "Indicador"),
    "reports.axis.week": ("Week that begins on this day (UTC)", "Semana que empieza ese día (UTC)"),
    "reports.axis.day": ("Day (UTC)", "Día (UTC)"),
    "reports.axis.more": ("{label}; {count} more not shown", "{label}; {count} más no mostrados"),
    "reports.axis.by.clock": ("Clock", "Plazo"),
    "reports.axis.by.tier": ("Tier", "Nivel"),
    "reports.axis.by.priority": ("Priority", "Prioridad"),
    "reports.axis.by.category": ("Category", "Categoría"),
    "reports.axis.by.customer": ("Customer", "Cliente"),
    "reports.axis.by.age": ("Age", "Edad"),
    "reports.axis.by.outcome": ("Outcome", "Resultado"),
    "reports.short.fcr": ("FCR", "FCR"),
    "reports.short.flr": ("FLR", "FLR"),
    "reports.short.reopen-rate": ("reopened", "reabiertos"),
    "reports.short.fix-success": ("fix success", "reparaciones"),
    "reports.short.verify-caught": ("caught", "detectadas"),
    "reports.short.undo-success": ("undone", "deshechas"),
    "reports.short.signature-coverage": ("coverage", "cobertura"),
    "reports.short.signature-precision": ("signatures", "firmas"),
    "reports.short.warning-precision": ("warnings", "avisos"),
    "reports.short.csat": ("CSAT", "CSAT"),
    "reports.short.csat-response": ("response rate", "respuestas"),
    "reports.line": (
        "{name}: first {first}, last {last}, lowest {low}, highest {high}",
        "{name}: al principio {first}, al final {last}, mínimo {low}, máximo {high}",
    ),
    # Commands.
    "report": ("Figures of the help desk.", "Cifras de la mesa de ayuda."),
    "report.example": ("relevo report sla --since 30d", "relevo report sla --since 30d"),
    "report.sla": (
        "Promises kept, and how long answers and solutions took.",
        "Compromisos cumplidos y cuánto tardaron respuestas y soluciones.",
    ),
    "report.sla.example": (
        "relevo report sla --since 30d --customer acme",
        "relevo report sla --since 30d --customer acme",
    ),
    "report.tiers": (
        "What each tier resolved, passed on and got back.",
        "Lo que cada nivel resolvió, pasó y recibió de vuelta.",
    ),
    "report.tiers.example": ("relevo report tiers --since 90d", "relevo report tiers --since 90d"),
    "report.quality": (
        "First contact, reopenings, fixes, signatures and warnings.",
        "Primer contacto, reaperturas, reparaciones, firmas y avisos.",
    ),
    "report.quality.example": ("relevo report quality --tier 1", "relevo report quality --tier 1"),
    "report.recurring": (
        "Problems that come again, for product teams.",
        "Problemas que se repiten, para los equipos de producto.",
    ),
    "report.recurring.example": (
        "relevo report recurring --since 90d --csv problems.csv",
        "relevo report recurring --since 90d --csv problemas.csv",
    ),
    "report.backlog": (
        "Open tickets: how many, how old, where.",
        "Tiques abiertos: cuántos, de cuándo y dónde.",
    ),
    "report.backlog.example": (
        "relevo report backlog --plot backlog.svg --chart age",
        "relevo report backlog --plot pendientes.svg --chart age",
    ),
    "report.csat": ("How satisfied users were.", "Lo satisfechas que quedaron las personas."),
    "report.csat.example": ("relevo report csat --since 90d", "relevo report csat --since 90d"),
    "report.self-service": (
        "What users solved without a ticket.",
        "Lo que las personas resolvieron sin tique.",
    ),
    "report.self-service.example": (
        "relevo report self-service --from 2026-11-01 --to 2026-11-30",
        "relevo report self-service --from 2026-11-01 --to 2026-11-30",
    ),
    "report.option.from": (
        "First day or moment: 2026-11-01 or 2026-11-01T09:00:00Z.",
        "Primer día o momento: 2026-11-01 o 2026-11-01T09:00:00Z.",
    ),
    "report.option.to": ("Last day, or moment at which it ends.", "Último día, o momento en que termina."),
    "report.option.since": (
        "Instead of --from: 12h, 30d, 8w before the end.",
        "En lugar de --from: 12h, 30d, 8w antes del final.",
    ),
    "report.option.customer": ("Only this customer.", "Solo este cliente."),
    "report.option.tier": ("Only tickets of this tier.", "Solo tiques de este nivel."),
    "report.option.priority": ("Only tickets of this priority.", "Solo tiques de esta prioridad."),
    "report.option.category": ("Only this category.", "Solo esta categoría."),
    "report.option.csv": ("Write a table for spreadsheets.", "Escribir una tabla para hojas de cálculo."),
    "report.option.bom": (
        "Begin the CSV with a byte order mark, which some spreadsheets need.",
        "Empezar el CSV con una marca de orden de bytes, que algunas hojas de cálculo necesitan.",
    ),
    "report.option.plot": ("Write a plot as SVG.", "Escribir un gráfico en SVG."),
    "report.option.chart": ("Which plot of the report.", "Qué gráfico del informe."),
}
