"""Words of the mails that a broker sends: to requesters plain and short, to technicians what they need."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    # To the requester.
    "mail.greeting": ("Hello,", "Hola:"),
    "mail.replied.subject": ("[{ticket}] Answer: {title}", "[{ticket}] Respuesta: {title}"),
    "mail.replied.text": (
        "{by} answered your request {ticket}, “{title}”:",
        "{by} ha respondido a su solicitud {ticket}, «{title}»:",
    ),
    "mail.replied.do": (
        "To answer, use Relevo on your machine, or this command there: relevo-agent chat {ticket}\n"
        "Mails to this address are not read.",
        "Para contestar, use Relevo en su equipo, o allí esta orden: relevo-agent chat {ticket}\n"
        "Los correos a esta dirección no se leen.",
    ),
    "mail.waiting.subject": (
        "[{ticket}] We need your help: {title}",
        "[{ticket}] Necesitamos su ayuda: {title}",
    ),
    "mail.waiting.text": (
        "To go on with your request {ticket}, “{title}”, we need an answer from you.",
        "Para seguir con su solicitud {ticket}, «{title}», necesitamos una respuesta suya.",
    ),
    "mail.waiting.do": (
        "Please answer in Relevo on your machine, or with this command there: relevo-agent chat {ticket}\n"
        "Until then the request waits. Mails to this address are not read.",
        "Conteste, por favor, en Relevo, en su equipo, o allí con esta orden: relevo-agent chat {ticket}\n"
        "Mientras tanto, la solicitud queda en espera. Los correos a esta dirección no se leen.",
    ),
    "mail.resolved.subject": ("[{ticket}] Solved: {title}", "[{ticket}] Resuelta: {title}"),
    "mail.resolved.text": (
        "{by} has marked your request {ticket}, “{title}”, as solved:",
        "{by} ha marcado como resuelta su solicitud {ticket}, «{title}»:",
    ),
    "mail.resolved.do": (
        "If the problem is still there, say so in Relevo on your machine, and the request is opened again: "
        'relevo-agent reopen {ticket} "…"',
        "Si el problema continúa, dígalo en Relevo, en su equipo, y la solicitud se vuelve a abrir: "
        'relevo-agent reopen {ticket} "…"',
    ),
    "mail.do.elsewhere": (
        "To say something about it, contact {org} in the way you did before and name {ticket}. Mails to this "
        "address are not read.",
        "Para decir algo al respecto, contacte con {org} como la otra vez y mencione {ticket}. Los correos a "
        "esta dirección no se leen.",
    ),
    "mail.rate": (
        "How satisfied are you, from 1 (not at all) to 5 (very)? Tell us in Relevo, or with this command: "
        "relevo-agent rate {ticket} 5",
        "Valore su satisfacción, del 1 (nada) al 5 (mucho), en Relevo o con esta orden: "
        "relevo-agent rate {ticket} 5",
    ),
    "mail.closed.subject": ("[{ticket}] Closed: {title}", "[{ticket}] Cerrada: {title}"),
    "mail.closed.text": (
        "Your request {ticket}, “{title}”, is closed. Nobody has access to your machine because of it any more.",
        "Su solicitud {ticket}, «{title}», está cerrada. Ya nadie tiene acceso a su equipo por ella.",
    ),
    "mail.closed.do": (
        'If it happens again, ask for help again and name {ticket}: relevo-agent ask "…" --follow-up-of {ticket}',
        "Si vuelve a ocurrir, pida ayuda otra vez y mencione {ticket}: "
        'relevo-agent ask "…" --follow-up-of {ticket}',
    ),
    "mail.cancelled.subject": ("[{ticket}] Cancelled: {title}", "[{ticket}] Anulada: {title}"),
    "mail.cancelled.text": (
        "{by} has cancelled your request {ticket}, “{title}”:",
        "{by} ha anulado su solicitud {ticket}, «{title}»:",
    ),
    "mail.cancelled.do": (
        "If you still need help, ask for it again in Relevo on your machine.",
        "Si todavía necesita ayuda, pídala otra vez en Relevo, en su equipo.",
    ),
    "mail.merged.subject": (
        "[{ticket}] Goes on as {target}: {title}",
        "[{ticket}] Sigue en {target}: {title}",
    ),
    "mail.merged.text": (
        "Your request {ticket}, “{title}”, is about the same as {target}. We go on there, and {ticket} is closed.",
        "Su solicitud {ticket}, «{title}», trata de lo mismo que {target}. Se sigue allí y {ticket} se cierra.",
    ),
    "mail.merged.do": (
        "If it is about something else, ask for it again in Relevo on your machine and name {ticket}.",
        "Si se trata de otra cosa, pídalo otra vez en Relevo, en su equipo, y mencione {ticket}.",
    ),
    "mail.footer.requester": (
        "{org} sends this because this address was given with request {ticket}. You did not give it? Then "
        "somebody else did, perhaps by mistake: you can ignore this mail.",
        "{org} envía este correo porque esta dirección se indicó en la solicitud {ticket}. ¿No lo hizo usted? "
        "Entonces fue otra persona, quizá por error: puede ignorarlo.",
    ),
    # To technicians.
    "mail.assigned.subject": (
        "[{ticket}] P{priority} for you: {title}",
        "[{ticket}] P{priority} para usted: {title}",
    ),
    "mail.assigned.text": (
        "Ticket {ticket}, “{title}”, is now yours.",
        "El tique {ticket}, «{title}», ahora es suyo.",
    ),
    "mail.queued.subject": (
        "[{ticket}] P{priority} in {queue}: {title}",
        "[{ticket}] P{priority} en {queue}: {title}",
    ),
    "mail.queued.text": (
        "Ticket {ticket}, “{title}”, waits in the queue {queue}.",
        "El tique {ticket}, «{title}», espera en la cola {queue}.",
    ),
    "mail.user-replied.subject": (
        "[{ticket}] The user answered: {title}",
        "[{ticket}] El usuario ha contestado: {title}",
    ),
    "mail.user-replied.text": (
        "The user answered on {ticket}, “{title}”:",
        "El usuario ha contestado en {ticket}, «{title}»:",
    ),
    "mail.reopened.subject": ("[{ticket}] Opened again: {title}", "[{ticket}] Reabierto: {title}"),
    "mail.reopened.text": (
        "The user opened {ticket}, “{title}”, again:",
        "El usuario ha reabierto {ticket}, «{title}»:",
    ),
    "mail.escalated.subject": (
        "[{ticket}] P{priority} passed on to L{tier}: {title}",
        "[{ticket}] P{priority} escalado a L{tier}: {title}",
    ),
    "mail.escalated.text": (
        "Ticket {ticket}, “{title}”, was passed on to tier {tier} and waits in the queue {queue}. The hand-over "
        "is on the ticket.",
        "El tique {ticket}, «{title}», se ha escalado al nivel {tier} y espera en la cola {queue}. El relevo "
        "está en el tique.",
    ),
    "mail.returned.subject": ("[{ticket}] Returned: {title}", "[{ticket}] Devuelto: {title}"),
    "mail.returned.text": (
        "Ticket {ticket}, “{title}”, was returned to tier {tier}. The reason is on the ticket.",
        "El tique {ticket}, «{title}», se ha devuelto al nivel {tier}. El motivo está en el tique.",
    ),
    "mail.sla.subject": (
        "[{ticket}] {percent} % of the time: {title}",
        "[{ticket}] {percent} % del plazo: {title}",
    ),
    "mail.sla.text": (
        "{percent} % of the time for {clock} is used up on {ticket}, “{title}”.",
        "En {ticket}, «{title}», se ha consumido el {percent} % del plazo de {clock}.",
    ),
    "mail.sla.missed.subject": ("[{ticket}] Time is over: {title}", "[{ticket}] Plazo vencido: {title}"),
    "mail.sla.missed.text": (
        "The time for {clock} is over on {ticket}, “{title}” ({percent} %).",
        "En {ticket}, «{title}», ha vencido el plazo de {clock} ({percent} %).",
    ),
    "mail.clock.first_response": ("the first response", "la primera respuesta"),
    "mail.clock.next_response": ("the next response", "la siguiente respuesta"),
    "mail.clock.resolution": ("the resolution", "la resolución"),
    "mail.clock.ola": ("the tier", "el nivel"),
    "mail.facts": (
        "Customer {customer} · P{priority} · L{tier} · queue {queue} · {state}",
        "Cliente {customer} · P{priority} · L{tier} · cola {queue} · {state}",
    ),
    "mail.show": ("To see it: relevo ticket show {ticket}", "Para verlo: relevo ticket show {ticket}"),
    "mail.footer.technician": (
        "{org} sends this because this address is in the settings of its help desk.",
        "{org} envía este correo porque esta dirección está en la configuración de su centro de soporte.",
    ),
    # A test by the administrator.
    "mail.test.subject": ("Relevo can send mail", "Relevo puede enviar correo"),
    "mail.test.text": (
        "This is the mail that `relevo-broker mail test` sends: the settings work.",
        "Este es el correo que envía `relevo-broker mail test`: la configuración funciona.",
    ),
    # States, as in the programs.
    "mail.state.new": ("new", "nuevo"),
    "mail.state.assigned": ("assigned", "asignado"),
    "mail.state.in-progress": ("in progress", "en curso"),
    "mail.state.pending": ("waiting", "en espera"),
    "mail.state.resolved": ("solved", "resuelto"),
    "mail.state.closed": ("closed", "cerrado"),
    "mail.state.cancelled": ("cancelled", "anulado"),
}
