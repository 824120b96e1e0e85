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
    "metric.self-service-runs": ("Self-service runs", "Autoservicios"),
    "metric.self-service-runs.definition": (
        "Self-services that ended in the period, by how they ended.",
        "Autoservicios que terminaron en el periodo, según cómo terminaron.",
    ),
    "metric.deflection": ("Deflection", "Tiques evitados"),
    "metric.deflection.definition": (
        "Self-services that ended as solved and were followed by no ticket from that machine in the category"
        " within 72 hours, of those that ended in the period and whose 72 hours are over.",
        "Autoservicios que terminaron con el problema resuelto y sin tique de ese equipo en la categoría en"
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
}
