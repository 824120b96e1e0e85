"""One sentence for each action that the audit log records."""

from __future__ import annotations

ACTIONS: dict[str, tuple[str, str]] = {
    "audit.action.broker.started": ("The broker started.", "El servidor arrancó."),
    "audit.action.broker.stopped": ("The broker stopped.", "El servidor se detuvo."),
    "audit.action.org.paired": (
        "{who} paired the broker with the organisation.",
        "{who} vinculó el servidor con la organización.",
    ),
    "audit.action.org.published": (
        "{who} published changes of the organisation.",
        "{who} publicó cambios de la organización.",
    ),
    "audit.action.login": ("{who} logged in.", "{who} inició sesión."),
    "audit.action.login.refused": ("A login by {who} was refused.", "Se rechazó el acceso de {who}."),
    "audit.action.agent.enrolled": ("{who} was enrolled.", "Se dio de alta {who}."),
    "audit.action.agent.enrolment-refused": (
        "An enrolment by {who} was refused.",
        "Se rechazó un alta de {who}.",
    ),
    "audit.action.agent.link-refused": (
        "A connection of {who} was refused.",
        "Se rechazó una conexión de {who}.",
    ),
    "audit.action.ticket.created": ("{who} opened the ticket.", "{who} abrió el tique."),
    "audit.action.ticket.changed": ("{who} changed the ticket.", "{who} cambió el tique."),
    "audit.action.ticket.note": ("{who} wrote an internal note.", "{who} escribió una nota interna."),
    "audit.action.ticket.reply": ("{who} wrote an answer.", "{who} escribió una respuesta."),
    "audit.action.ticket.attached": ("{who} put a file on the ticket.", "{who} adjuntó un archivo al tique."),
    "audit.action.ticket.rated": ("{who} rated the help received.", "{who} valoró la ayuda recibida."),
    "audit.action.known-error.matched": (
        "A diagnosis shows a known error.",
        "Un diagnóstico muestra un error conocido.",
    ),
    "audit.action.known-error.said": (
        "{who} compared a sealed diagnosis with the known errors.",
        "{who} comparó un diagnóstico sellado con los errores conocidos.",
    ),
    "audit.action.known-error.judged": (
        "{who} said whether a known error was recognised rightly.",
        "{who} dijo si un error conocido se reconoció bien.",
    ),
    "audit.action.known-error.in-review": (
        "A known error was recognised wrongly too often and is suggested no longer.",
        "Un error conocido se reconoció mal demasiadas veces y deja de proponerse.",
    ),
    "audit.action.connector.changed": (
        "An outside ticket system was added, changed or removed.",
        "Se añadió, cambió o quitó un sistema de tiques externo.",
    ),
    "audit.action.connector.received": (
        "{who}: something came from the outside ticket system.",
        "{who}: llegó algo del sistema de tiques externo.",
    ),
    "audit.action.connector.sent": (
        "{who}: something was passed on to the outside ticket system.",
        "{who}: se pasó algo al sistema de tiques externo.",
    ),
    "audit.action.connector.kept": (
        "{who}: the two systems disagreed, or one refused; nothing was changed here.",
        "{who}: los dos sistemas no coincidían, o uno se negó; aquí no cambió nada.",
    ),
    "audit.action.ticket.notice": (
        "A notice was given: a target time comes close or was missed.",
        "Se dio un aviso: un plazo se acerca o no se ha cumplido.",
    ),
    "audit.action.outgoing.changed": (
        "What the broker sends by mail or webhook was set anew.",
        "Se cambió lo que el servidor envía por correo o webhook.",
    ),
    "audit.action.outgoing.failed": (
        "A notice could not be delivered and was given up.",
        "Un aviso no se pudo entregar y se abandonó.",
    ),
    "audit.action.outgoing.retried": (
        "Notices that had been given up are sent again.",
        "Se vuelven a enviar avisos que se habían abandonado.",
    ),
    "audit.action.trend.warning-raised": (
        "An early warning was raised from what the machine told about itself.",
        "Se emitió un aviso temprano a partir de los datos que comunicó el equipo.",
    ),
    "audit.action.trend.warning-judged": (
        "{who} said whether an early warning was right.",
        "{who} dijo si un aviso temprano era acertado.",
    ),
    "audit.action.article.created": ("{who} wrote an article.", "{who} escribió un artículo."),
    "audit.action.article.changed": ("{who} changed an article.", "{who} cambió un artículo."),
    "audit.action.ticket.expert-invited": (
        "{who} invited an outside expert for this ticket.",
        "{who} invitó a un experto externo para este tique.",
    ),
    "audit.action.ticket.invitation-ended": (
        "The invitation of an outside expert ended.",
        "Terminó la invitación de un experto externo.",
    ),
    "audit.action.session.requested": ("{who} asked for a session.", "{who} pidió una sesión."),
    "audit.action.session.refused": (
        "A session asked for by {who} was refused.",
        "Se rechazó una sesión pedida por {who}.",
    ),
    "audit.action.session.consented": (
        "The user's consent arrived, signed by {who}.",
        "Llegó el consentimiento del usuario, firmado por {who}.",
    ),
    "audit.action.session.denied": (
        "The session was not consented to: {who}.",
        "No se consintió la sesión: {who}.",
    ),
    "audit.action.session.opened": ("The session was opened.", "La sesión se abrió."),
    "audit.action.session.ended": ("The session was ended by {who}.", "{who} terminó la sesión."),
    "audit.action.request.refused": ("A request of {who} was refused.", "Se rechazó una petición de {who}."),
    "audit.action.artifact.stored": ("{who} stored a result.", "{who} guardó un resultado."),
    "audit.action.artifact.read": ("{who} read a result.", "{who} leyó un resultado."),
    "audit.action.artifact.refused": (
        "A result of {who} was refused.",
        "Se rechazó un resultado de {who}.",
    ),
    "audit.action.audit.read": ("{who} read the audit log.", "{who} leyó el registro de auditoría."),
    "audit.action.access.refused": ("Access by {who} was refused.", "Se rechazó el acceso de {who}."),
    "audit.action.journal.refused": (
        "Journal entries of {who} were refused.",
        "Se rechazaron entradas del diario de {who}.",
    ),
    "audit.action.agent.session-shown": (
        "The request was shown to the user, on {who}.",
        "La petición se mostró al usuario, en {who}.",
    ),
    "audit.action.consent.given": (
        "The user agreed, on {who}.",
        "El usuario aceptó, en {who}.",
    ),
    "audit.action.consent.denied": ("The user refused, on {who}.", "El usuario se negó, en {who}."),
    "audit.action.consent.withdrawn": (
        "The user took the consent back, on {who}.",
        "El usuario retiró el consentimiento, en {who}.",
    ),
    "audit.action.consent.floor-changed": (
        "The user changed what {who} allows.",
        "El usuario cambió lo que permite {who}.",
    ),
    "audit.action.agent.session-opened": (
        "The session began on {who}.",
        "La sesión empezó en {who}.",
    ),
    "audit.action.agent.session-ended": (
        "The session ended on {who}.",
        "La sesión terminó en {who}.",
    ),
    "audit.action.agent.refused": ("{who} refused.", "{who} se negó."),
    "audit.action.agent.help-asked": (
        "The user asked for help, on {who}.",
        "El usuario pidió ayuda, en {who}.",
    ),
    "audit.action.agent.attachment-sent": (
        "The user sent a file from {who}.",
        "El usuario envió un archivo desde {who}.",
    ),
    "audit.action.agent.attachment-fetched": (
        "The user fetched a technician's file on {who}.",
        "El usuario descargó un archivo de un técnico en {who}.",
    ),
    "audit.action.diagnose.started": ("A diagnosis began on {who}.", "Empezó un diagnóstico en {who}."),
    "audit.action.diagnose.done": (
        "The diagnosis was ready on {who}.",
        "El diagnóstico estuvo listo en {who}.",
    ),
    "audit.action.logs.started": (
        "A search of the logs began on {who}.",
        "Empezó una búsqueda en los registros de {who}.",
    ),
    "audit.action.logs.done": ("The logs of {who} were shown.", "Se mostraron los registros de {who}."),
    "audit.action.screenshot.started": (
        "A picture of the screen of {who} was asked for.",
        "Se pidió una imagen de la pantalla de {who}.",
    ),
    "audit.action.screenshot.done": (
        "A picture of the screen of {who} was sent.",
        "Se envió una imagen de la pantalla de {who}.",
    ),
    "audit.action.files.opened": ("Files of {who} were opened.", "Se abrieron archivos de {who}."),
    "audit.action.files.read": ("A file of {who} was read.", "Se leyó un archivo de {who}."),
    "audit.action.files.written": ("A file was written on {who}.", "Se escribió un archivo en {who}."),
    "audit.action.fix.planned": (
        "A fix was checked and planned on {who}; nothing was changed.",
        "Se comprobó y planificó una reparación en {who}; no se cambió nada.",
    ),
    "audit.action.fix.started": ("A fix was started on {who}.", "Empezó una reparación en {who}."),
    "audit.action.fix.step": (
        "A step of a fix was taken on {who}.",
        "Se dio un paso de una reparación en {who}.",
    ),
    "audit.action.fix.done": ("A fix ended on {who}.", "Terminó una reparación en {who}."),
    "audit.action.fix.undo-started": (
        "Undoing a fix was started on {who}.",
        "Se empezó a deshacer una reparación en {who}.",
    ),
    "audit.action.fix.undone": ("A fix was undone on {who}.", "Se deshizo una reparación en {who}."),
    "audit.action.fix.interrupted": (
        "A fix was interrupted on {who}.",
        "Se interrumpió una reparación en {who}.",
    ),
    "audit.action.self-service.started": (
        "The user of {who} began to help themselves.",
        "El usuario de {who} empezó a buscar una solución por su cuenta.",
    ),
    "audit.action.self-service.ended": (
        "The user of {who} finished helping themselves.",
        "El usuario de {who} terminó de buscar una solución por su cuenta.",
    ),
    "audit.action.self-service.shared": (
        "{who} put a result of self-service on the ticket.",
        "{who} puso en el tique un resultado del autoservicio.",
    ),
    "audit.action.self-service.recorded": (
        "What became of a self-service run of {who} was recorded.",
        "Se registró cómo terminó un autoservicio de {who}.",
    ),
}
