"""Two sentences per error code: what happened (``<code>``) and what to do (``<code>.do``)."""

from __future__ import annotations

from protocol.wording import Table

TABLE: Table = {
    "reference": ("(reference {reference})", "(referencia {reference})"),
    "internal": ("Something went wrong inside Relevo.", "Algo ha fallado dentro de Relevo."),
    "internal.do": (
        "Try again; if it happens again, report it with the reference.",
        "Inténtelo otra vez; si se repite, comuníquelo con la referencia.",
    ),
    "usage": ("That input is not valid: {detail}", "Esos datos no son válidos: {detail}"),
    "usage.do": ("See --help for how to call it.", "Consulte --help para ver cómo se usa."),
    "malformed": (
        "Received data that does not follow the protocol.",
        "Se han recibido datos que no siguen el protocolo.",
    ),
    "malformed.do": (
        "Check that both sides run a current version.",
        "Compruebe que ambos lados tienen una versión actual.",
    ),
    "too-large": ("That is larger than what is accepted.", "Eso supera el tamaño que se acepta."),
    "too-large.do": ("Make it smaller or narrow the request.", "Redúzcalo o acote la petición."),
    "parameter-invalid": ("A parameter is not valid: {detail}", "Un parámetro no es válido: {detail}"),
    "parameter-invalid.do": (
        "See what it takes with --help, or a fix's parameters with `relevo fix show`.",
        "Consulte qué admite con --help, o los parámetros de una reparación con `relevo fix show`.",
    ),
    "not-found": ("There is no such thing: {detail}", "No existe: {detail}"),
    "not-found.do": ("Check the name or the number.", "Compruebe el nombre o el número."),
    "unauthenticated": ("You are not logged in.", "No ha iniciado sesión."),
    "unauthenticated.do": ("Run `relevo login`.", "Ejecute `relevo login`."),
    "refused": ("That is not allowed.", "Eso no está permitido."),
    "refused.do": (
        "Ask an administrator if you think it should be.",
        "Pregunte a un administrador si cree que debería estarlo.",
    ),
    "not-in-roster": (
        "This key is not in the organisation's roster.",
        "Esta clave no está en la plantilla de la organización.",
    ),
    "not-in-roster.do": (
        "Ask an administrator to add it with `relevo org technician add` and to publish.",
        "Pida a un administrador que la añada con `relevo org technician add` y publique.",
    ),
    "role-missing": ("Your role does not allow that.", "Su función no permite eso."),
    "role-missing.do": ("Ask someone who has the role.", "Pídaselo a quien tenga esa función."),
    "tier-too-low": ("That needs a higher tier.", "Eso requiere un nivel superior."),
    "tier-too-low.do": (
        "Ask somebody of a higher tier, or escalate the ticket.",
        "Pídalo a alguien de un nivel superior o escale el tique.",
    ),
    "scope-not-allowed": ("Your tier may not ask for: {detail}", "Su nivel no puede pedir: {detail}"),
    "scope-not-allowed.do": ("Ask for less, or escalate the ticket.", "Pida menos o escale el tique."),
    "scope-not-granted": ("The user did not grant that.", "La persona no ha concedido eso."),
    "scope-not-granted.do": (
        "Open a new session and ask for it, with the reason.",
        "Abra otra sesión y pídalo, con el motivo.",
    ),
    "scope-not-offered": ("This machine does not offer that.", "Este equipo no ofrece eso."),
    "scope-not-offered.do": ("Ask for what it offers.", "Pida lo que ofrece."),
    "customer-not-allowed": ("That customer is not yours to see.", "Ese cliente no le corresponde."),
    "customer-not-allowed.do": ("Ask an administrator for access.", "Pida acceso a un administrador."),
    "approval-missing": (
        "That needs another person's approval first.",
        "Eso necesita antes la aprobación de otra persona.",
    ),
    "approval-missing.do": ("Ask an approver.", "Pídala a quien aprueba."),
    "revoked": ("That was revoked and no longer works.", "Eso se ha revocado y ya no funciona."),
    "revoked.do": ("Ask an administrator.", "Consulte a un administrador."),
    "stale-trust": (
        "The organisation's signed data is too old to rely on.",
        "Los datos firmados de la organización son demasiado antiguos para fiarse.",
    ),
    "stale-trust.do": (
        "Check the connection to the broker and the clock.",
        "Compruebe la conexión con el servidor y el reloj.",
    ),
    "rate-limited": ("Too many attempts.", "Demasiados intentos."),
    "rate-limited.do": ("Wait a minute and try again.", "Espere un minuto e inténtelo otra vez."),
    "token-expired": ("This enrolment token has expired.", "Este archivo de alta ha caducado."),
    "token-expired.do": ("Ask for a new one.", "Pida uno nuevo."),
    "consent-denied": ("The user said no.", "La persona ha dicho que no."),
    "consent-denied.do": (
        "Talk to the user before asking again.",
        "Hable con la persona antes de volver a pedirlo.",
    ),
    "consent-withdrawn": ("The user ended the session.", "La persona ha terminado la sesión."),
    "consent-withdrawn.do": (
        "Talk to the user before asking again.",
        "Hable con la persona antes de volver a pedirlo.",
    ),
    "consent-timeout": ("The user did not answer in time.", "La persona no ha respondido a tiempo."),
    "consent-timeout.do": ("Ask again when the user is there.", "Vuelva a pedirlo cuando esté presente."),
    "timeout": ("It took too long.", "Ha tardado demasiado."),
    "timeout.do": ("Try again, or ask for less at once.", "Inténtelo otra vez o pida menos de una vez."),
    "unreachable": ("The broker cannot be reached.", "No se puede conectar con el servidor."),
    "unreachable.do": ("Check the address and the network.", "Compruebe la dirección y la red."),
    "agent-offline": ("The user's machine is offline.", "El equipo de la persona no está conectado."),
    "agent-offline.do": ("Ask the user to switch it on or connect it.", "Pida que lo encienda o lo conecte."),
    "agent-not-running": (
        "The Relevo agent is not running here.",
        "El agente de Relevo no está en marcha en este equipo.",
    ),
    "agent-not-running.do": ("Start it with `relevo-agent run`.", "Inícielo con `relevo-agent run`."),
    "session-lost": ("The connection to the machine was lost.", "Se ha perdido la conexión con el equipo."),
    "session-lost.do": ("Open the session again.", "Vuelva a abrir la sesión."),
    "signature-invalid": ("A signature does not hold.", "Una firma no es válida."),
    "signature-invalid.do": (
        "Do not go on; tell an administrator.",
        "No continúe; avise a un administrador.",
    ),
    "identity-mismatch": ("The other side is not who it should be.", "El otro lado no es quien debería ser."),
    "identity-mismatch.do": (
        "Do not go on; tell an administrator.",
        "No continúe; avise a un administrador.",
    ),
    "hash-mismatch": ("The content is not what was signed.", "El contenido no es el que se firmó."),
    "hash-mismatch.do": ("Do not go on; tell an administrator.", "No continúe; avise a un administrador."),
    "proof-invalid": (
        "The audit log does not hold: {detail}",
        "El registro de auditoría no es válido: {detail}",
    ),
    "proof-invalid.do": (
        "Keep your copy of the checkpoint and tell an auditor.",
        "Conserve su copia del punto de control y avise a un auditor.",
    ),
    "document-expired": ("It has expired.", "Ha caducado."),
    "document-expired.do": ("Ask again.", "Vuelva a pedirlo."),
    "replayed": ("That was used before.", "Eso ya se ha usado."),
    "replayed.do": ("Ask again.", "Vuelva a pedirlo."),
    "rollback": (
        "The broker showed older data than before.",
        "El servidor ha mostrado datos más antiguos que antes.",
    ),
    "rollback.do": ("Do not go on; tell an administrator.", "No continúe; avise a un administrador."),
    "redaction-failed": (
        "Private data could not be removed with certainty, so nothing was sent.",
        "No se han podido quitar con certeza los datos privados, así que no se ha enviado nada.",
    ),
    "redaction-failed.do": ("Ask for less, or report it.", "Pida menos o comuníquelo."),
    "conflict": (
        "That is not possible in the present state: {detail}",
        "Eso no es posible en el estado actual: {detail}",
    ),
    "conflict.do": (
        "Look at the present state and try again.",
        "Mire el estado actual e inténtelo otra vez.",
    ),
    "invalid-transition": (
        "It is not in a state for that: {detail}",
        "No está en un estado que lo permita: {detail}",
    ),
    "invalid-transition.do": (
        "Look at what state it is in now, then decide again.",
        "Mire en qué estado está ahora y decida de nuevo.",
    ),
    "stale-version": ("Somebody changed it before you: {detail}", "Alguien lo ha cambiado antes: {detail}"),
    "stale-version.do": ("Look at it again, then repeat your change.", "Mírelo de nuevo y repita el cambio."),
    "token-used": ("This enrolment token was already used.", "Este archivo de alta ya se ha usado."),
    "token-used.do": ("Ask for a new one.", "Pida uno nuevo."),
    "no-session": (
        "There is no open session for this ticket.",
        "No hay ninguna sesión abierta para este tique.",
    ),
    "no-session.do": ("Open one with `relevo session open`.", "Abra una con `relevo session open`."),
    "session-ended": ("The session has ended.", "La sesión ha terminado."),
    "session-ended.do": ("Open a new one if it is still needed.", "Abra otra si todavía hace falta."),
    "ticket-closed": ("The ticket is not open.", "El tique no está abierto."),
    "ticket-closed.do": ("Open a new ticket.", "Abra un tique nuevo."),
    "already-exists": ("That already exists: {detail}", "Eso ya existe: {detail}"),
    "already-exists.do": ("Choose another name or folder.", "Elija otro nombre u otra carpeta."),
    "not-connected": ("This is not set up yet: {detail}", "Esto aún no está preparado: {detail}"),
    "not-connected.do": (
        "Run the step that comes before; see --help.",
        "Ejecute el paso anterior; consulte --help.",
    ),
    "cannot-record": (
        "It cannot be recorded, so it was not done: {detail}",
        "No se puede dejar constancia, así que no se ha hecho: {detail}",
    ),
    "cannot-record.do": (
        "Free some disk space and check permissions.",
        "Libere espacio en disco y compruebe los permisos.",
    ),
    "interrupted": (
        "It was interrupted and its state is not certain.",
        "Se ha interrumpido y su estado no es seguro.",
    ),
    "interrupted.do": (
        "Look at the state before trying again.",
        "Compruebe el estado antes de intentarlo otra vez.",
    ),
    "not-applicable": (
        "That does not apply to this machine: {detail}",
        "Eso no se aplica a este equipo: {detail}",
    ),
    "not-applicable.do": ("Choose something else.", "Elija otra cosa."),
    "diagnosis-missing": (
        "No diagnosis was run on this ticket.",
        "En este tique no se ha hecho ningún diagnóstico.",
    ),
    "diagnosis-missing.do": (
        "Run `relevo diagnose`, or say why there is none with --no-diagnostics.",
        "Ejecute `relevo diagnose`, o diga por qué no lo hay con --no-diagnostics.",
    ),
    "knowledge-not-searched": (
        "Nobody searched the knowledge base for this ticket.",
        "Nadie ha buscado este tique en la base de conocimiento.",
    ),
    "knowledge-not-searched.do": (
        "Run relevo kb search … --ticket TICKET first, then pass the ticket on.",
        "Ejecute primero relevo kb search … --ticket TIQUE y después pase el tique.",
    ),
    "tier-skipped": (
        "Only a P1 ticket goes from L1 straight to L3.",
        "Solo un tique P1 pasa directamente de L1 a L3.",
    ),
    "tier-skipped.do": (
        "Pass it to L2, or say why not with --skip-reason.",
        "Páselo a L2, o diga por qué no con --skip-reason.",
    ),
    "article-missing": (
        "A resolution names the article that helped, or why there is none.",
        "Una solución nombra el artículo que ayudó, o dice por qué no lo hay.",
    ),
    "article-missing.do": (
        "Give --article ARTICLE, --article new for a draft, or --no-article REASON.",
        "Indique --article ARTÍCULO, --article new para un borrador, o --no-article MOTIVO.",
    ),
    "verification-missing": (
        "A fix ran and its verification is not on the ticket yet.",
        "Se ha ejecutado una reparación y su comprobación aún no consta en el tique.",
    ),
    "verification-missing.do": (
        "Let the machine finish or undo it: `relevo fix` shows the run.",
        "Deje que el equipo la termine o deshágala: `relevo fix` muestra la ejecución.",
    ),
    "hand-back-missing": (
        "What L3 resolves goes back to L1 and L2.",
        "Lo que resuelve L3 vuelve a L1 y L2.",
    ),
    "hand-back-missing.do": (
        "Give --hand-back known_error, article_and_fix or not_repeatable with what each needs (see --help).",
        "Indique --hand-back known_error, article_and_fix o not_repeatable con lo que cada uno pide (vea --help).",
    ),
    "reason-missing": ("That needs a reason.", "Para eso hace falta un motivo."),
    "reason-missing.do": ("Give it with --reason.", "Indíquelo con --reason."),
    "window-over": ("The time for that is over.", "El plazo para eso ha terminado."),
    "window-over.do": (
        "Open a new ticket that follows this one: --follow-up-of.",
        "Abra un tique nuevo que siga a este: --follow-up-of.",
    ),
    "fix-failed": (
        "The fix ran but did not help: {detail}",
        "La reparación se ejecutó pero no sirvió: {detail}",
    ),
    "fix-failed.do": (
        "What could be undone was undone; see the ticket.",
        "Se ha deshecho lo que se podía deshacer; consulte el tique.",
    ),
    "undo-failed": (
        "The fix could not be undone: {detail}",
        "No se ha podido deshacer la reparación: {detail}",
    ),
    "undo-failed.do": ("Escalate the ticket now.", "Escale el tique ahora."),
}
