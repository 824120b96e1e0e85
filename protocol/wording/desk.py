"""Words of the help desk: what is done with tickets beyond taking and solving them, and its settings."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "ticket.pend": (
        "Let a ticket wait, for the user, a consent, an approval, the vendor, a change or a time.",
        "Dejar un tique en espera: de la persona, de un permiso, de una aprobación, del proveedor, de un cambio o de una hora.",
    ),
    "ticket.pend.example": (
        "relevo ticket pend T-1 awaiting_vendor --until 2d",
        "relevo ticket pend T-1 awaiting_vendor --until 2d",
    ),
    "ticket.resume": ("Go on with a ticket that waits.", "Seguir con un tique en espera."),
    "ticket.resume.example": ("relevo ticket resume T-1", "relevo ticket resume T-1"),
    "ticket.accept": (
        "Accept a ticket that another tier passed on.",
        "Aceptar un tique que ha pasado otro nivel.",
    ),
    "ticket.accept.example": ("relevo ticket accept T-1", "relevo ticket accept T-1"),
    "ticket.assign": (
        "Give a ticket to a person or a queue of the same tier.",
        "Asignar un tique a una persona o a una cola del mismo nivel.",
    ),
    "ticket.assign.example": (
        "relevo ticket assign T-1 ana",
        "relevo ticket assign T-1 ana",
    ),
    "ticket.triage": (
        "Set impact, urgency, category and language; the customer's matrix makes the priority of them.",
        "Fijar impacto, urgencia, categoría e idioma; la matriz del cliente da con ellos la prioridad.",
    ),
    "ticket.triage.example": (
        "relevo ticket triage T-1 --impact 1 --category printing",
        "relevo ticket triage T-1 --impact 1 --category impresion",
    ),
    "ticket.merge": (
        "Say that a ticket repeats another one: it is cancelled and counts in no figure.",
        "Decir que un tique repite otro: se cancela y no cuenta en ninguna cifra.",
    ),
    "ticket.merge.example": ("relevo ticket merge T-5 --into T-3", "relevo ticket merge T-5 --into T-3"),
    "ticket.watch": (
        "Watch a ticket: what happens on it, and who else looks.",
        "Seguir un tique: lo que pasa en él y quién más lo mira.",
    ),
    "ticket.watch.example": ("relevo ticket watch T-1", "relevo ticket watch T-1"),
    "ticket.escalate": (
        "Pass a ticket on to a higher tier, with a hand-over filled in from its timeline.",
        "Pasar un tique a un nivel superior, con un relevo que se rellena con su historial.",
    ),
    "ticket.escalate.example": (
        'relevo ticket escalate T-1 --to 2 --reason-code no_kb_match --question "Why does the spooler stop?"',
        'relevo ticket escalate T-1 --to 2 --reason-code no_kb_match --question "¿Por qué se para la cola?"',
    ),
    "ticket.return": (
        "Give a ticket back to the tier that passed it on.",
        "Devolver un tique al nivel que lo pasó.",
    ),
    "ticket.return.example": (
        'relevo ticket return T-1 --reason "No diagnosis of the second machine"',
        'relevo ticket return T-1 --reason "Falta el diagnóstico del segundo equipo"',
    ),
    "ticket.searched": (
        "Note on a ticket what was looked for in the knowledge base.",
        "Anotar en un tique lo que se ha buscado en la base de conocimiento.",
    ),
    "ticket.searched.example": (
        'relevo ticket searched T-1 "spooler stops"',
        'relevo ticket searched T-1 "cola de impresión parada"',
    ),
    "ticket.invite": (
        "Invite an outside expert to look at one ticket; the user is still asked.",
        "Invitar a una persona experta de fuera a mirar un solo tique; se sigue pidiendo permiso a la persona.",
    ),
    "ticket.invite.example": (
        'relevo ticket invite T-1 --expert vera --scope diagnose,logs --until 2d --reason "vendor driver"',
        'relevo ticket invite T-1 --expert vera --scope diagnose,logs --until 2d --reason "controlador del fabricante"',
    ),
    "ticket.uninvite": ("End an invitation at once.", "Terminar una invitación al instante."),
    "ticket.uninvite.example": (
        "relevo ticket uninvite T-1 0f3a…",
        "relevo ticket uninvite T-1 0f3a…",
    ),
    "ticket.invited": ("{expert} is invited until {until}:", "{expert} tiene invitación hasta {until}:"),
    "ticket.uninvited": ("{expert} is no longer invited.", "{expert} ya no tiene invitación."),
    "ticket.looking": ("{name} has it open since {since}.", "{name} lo tiene abierto desde {since}."),
    "ticket.not-left": (
        "The broker could not be told that you stopped looking ({code}).",
        "No se ha podido avisar al servidor de que ya no mira ({code}).",
    ),
    "ticket.similar": (
        "Perhaps the same: {ticket} ({percent} %, {state}) {title}",
        "Quizá lo mismo: {ticket} ({percent} %, {state}) {title}",
    ),
    "ticket.handed": (
        "Passed on from L{source} to L{target} by {by} at {at}: {reason}",
        "Lo pasó {by} de L{source} a L{target}, {at}: {reason}",
    ),
    "ticket.withheld": ("(only from {clearance} on)", "(solo desde {clearance})"),
    "handover.symptom": ("Symptom", "Síntoma"),
    "handover.impact": ("Impact", "Impacto"),
    "handover.steps": ("Tried", "Probado"),
    "handover.diagnostics": ("Diagnostics", "Diagnósticos"),
    "handover.kb": ("Searched", "Buscado"),
    "handover.hypothesis": ("Hypothesis", "Hipótesis"),
    "handover.question": ("Question", "Pregunta"),
    "handover.accepted": ("Accepted by", "Lo aceptó"),
    "handover.returned": ("Returned by", "Lo devolvió"),
    "reason.no_kb_match": ("nothing known matches", "no coincide nada conocido"),
    "reason.kb_failed": ("what is known did not help", "lo conocido no ha servido"),
    "reason.needs_confidential_data": ("needs confidential data", "hacen falta datos confidenciales"),
    "reason.fix_above_tier": ("needs a fix above the tier", "hace falta una reparación de otro nivel"),
    "reason.time_box": ("the time for it is over", "se ha agotado el tiempo previsto"),
    "reason.user_request": ("the user asked for it", "lo ha pedido la persona"),
    "reason.recurring": ("it keeps coming back", "se repite"),
    "reason.security": ("a matter of security", "asunto de seguridad"),
    "hand-back.known_error": ("known error", "error conocido"),
    "hand-back.article_and_fix": ("article and proposed fix", "artículo y reparación propuesta"),
    "hand-back.not_repeatable": ("not repeatable", "no se repite"),
    "pending.awaiting_user": ("waits for the user", "en espera de la persona"),
    "pending.awaiting_consent": ("waits for consent", "en espera de permiso"),
    "pending.awaiting_approval": ("waits for approval", "en espera de aprobación"),
    "pending.awaiting_vendor": ("waits for the vendor", "en espera del proveedor"),
    "pending.awaiting_change": ("waits for a change", "en espera de un cambio"),
    "pending.scheduled": ("scheduled", "programado"),
    "option.until": (
        "A time (2026-11-23T09:00:00Z) or how long from now (2d).",
        "Una hora (2026-11-23T09:00:00Z) o cuánto desde ahora (2d).",
    ),
    "option.queue": ("Queue that gets it.", "Cola que lo recibe."),
    "option.by-rules": ("As the rules of the desk say.", "Según las reglas del servicio."),
    "option.priority": (
        "Priority against the matrix; needs --reason.",
        "Prioridad contra la matriz; necesita --reason.",
    ),
    "option.by-matrix": (
        "Back to what the matrix says.",
        "Volver a lo que dice la matriz.",
    ),
    "option.category": ("Category.", "Categoría."),
    "option.language": ("Language of the user.", "Idioma de la persona."),
    "option.into": ("The ticket that it repeats.", "El tique que repite."),
    "option.follow-up-of": (
        "A closed ticket that this is about again.",
        "Tique cerrado del que se trata otra vez.",
    ),
    "option.seconds": ("Stop after so many seconds.", "Parar después de estos segundos."),
    "option.to-tier": ("The tier that gets it.", "El nivel que lo recibe."),
    "option.reason-code": ("Why it goes there.", "Por qué pasa."),
    "option.question": ("What the next tier is asked for.", "Lo que se pide al otro nivel."),
    "option.symptom": (
        "What goes wrong, if not the user's words.",
        "Qué falla, si no son las palabras de la persona.",
    ),
    "option.handover-impact": ("Whom it stops from what.", "A quién le impide qué."),
    "option.hypothesis": ("What you think it is.", "Lo que usted cree que es."),
    "option.step": (
        "Something else that was tried; may be repeated.",
        "Otra cosa que se ha probado; puede repetirse.",
    ),
    "option.no-diagnostics": ("Why no diagnosis was run.", "Por qué no se ha hecho diagnóstico."),
    "option.skip-reason": (
        "Why L2 is passed over, when it is no P1.",
        "Por qué no pasa por L2, si no es P1.",
    ),
    "option.found": ("Article that came up; may be repeated.", "Artículo que salió; puede repetirse."),
    "option.expert": ("The expert's id in the roster.", "Identificador de la persona experta."),
    "option.expert-scope": (
        "What may be looked at: diagnose, logs, screenshot, view.",
        "Lo que se puede mirar: diagnose, logs, screenshot, view.",
    ),
    "option.in-queue": ("Only of this queue.", "Solo de esta cola."),
    "option.in-category": ("Only of this category.", "Solo de esta categoría."),
    "option.at-tier": ("Only at this tier.", "Solo de este nivel."),
    "option.at-priority": ("Only of this priority.", "Solo de esta prioridad."),
    "option.unassigned": ("Only those that nobody has.", "Solo los que no tiene nadie."),
    "option.from": (
        "Take it over from this colleague: their sessions on it end.",
        "Quitárselo a esta persona: sus sesiones en él terminan.",
    ),
    "option.clearance": (
        "Who may read it: R1, R2 or R3. Your own level if you say nothing.",
        "Quién puede leerla: R1, R2 o R3. Si no dice nada, su propio nivel.",
    ),
    "option.hand-back": (
        "What L3 gives back: a known error, an article with a fix, or that it cannot be repeated.",
        "Lo que devuelve L3: un error conocido, un artículo con una reparación, o que no se repite.",
    ),
    "option.known-error": ("The known error.", "El error conocido."),
    "option.proposed-fix": ("The fix that is proposed.", "La reparación que se propone."),
    "option.for-l1": (
        "What L1 may know and do, without anything confidential.",
        "Lo que L1 puede saber y hacer, sin nada confidencial.",
    ),
    "column.resume": ("Goes on", "Sigue"),
    "column.category": ("Category", "Categoría"),
    "column.queue": ("Queue", "Cola"),
    "column.follow_up": ("Follows", "Sigue a"),
    "column.merged": ("Repeats", "Repite"),
    "column.article": ("Article", "Artículo"),
    "column.hand_back": ("Hand-back", "Devolución"),
    "column.rating": ("Rating", "Valoración"),
    "column.experts": ("Experts", "De fuera"),
    "org.desk": (
        "How the help desk works: queues, rules, priorities, categories, windows, notices.",
        "Cómo trabaja el servicio: colas, reglas, prioridades, categorías, plazos y avisos.",
    ),
    "org.desk.set": (
        "Stage what a TOML file says; what it does not name stays.",
        "Preparar lo que dice un archivo TOML; lo que no nombra se queda como está.",
    ),
    "org.desk.set.example": ("relevo org desk set desk.toml", "relevo org desk set servicio.toml"),
    "org.desk.staged": (
        "The desk now has {queues} queues and {rules} rules.",
        "El servicio tiene ahora {queues} colas y {rules} reglas.",
    ),
    "org.desk.show": (
        "Show the rules, or a customer's settings.",
        "Mostrar las reglas, o lo acordado con un cliente.",
    ),
    "org.desk.show.example": (
        "relevo org desk show --customer acme",
        "relevo org desk show --customer acme",
    ),
    "org.desk.customer": ("Only this customer's settings.", "Solo lo acordado con este cliente."),
    "org.desk.matrix": (
        "Priorities by impact and urgency: {matrix}. Reopened within {days} business days. Language: {language}.",
        "Prioridades por impacto y urgencia: {matrix}. Se reabre en {days} días laborables. Idioma: {language}.",
    ),
    "org.desk.titles": (
        "No|Customer|Category|Language|Up to|Skill|Queue|To a person",
        "N.º|Cliente|Categoría|Idioma|Hasta|Saber|Cola|A persona",
    ),
    "org.desk.no_rules": (
        "There are no rules: tickets wait in the queue `desk`.",
        "No hay reglas: los tiques esperan en la cola `desk`.",
    ),
}
