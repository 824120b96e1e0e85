"""Words of `relevo session` and `relevo ssh-config`."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "session": ("Sessions: ask the user, work, end.", "Sesiones: pedir permiso, trabajar, terminar."),
    "session.example": (
        "relevo session list",
        "relevo session list",
    ),
    "session.open": (
        "Ask the user of a ticket's machine for a session and wait for the answer.",
        "Pedir una sesión a la persona del equipo de un tique y esperar su respuesta.",
    ),
    "session.open.example": (
        'relevo session open T-1 --scope diagnose,logs --minutes 30 --reason "Find out why it is slow"',
        'relevo session open T-1 --scope diagnose,logs --minutes 30 --reason "Averiguar por qué va lento"',
    ),
    "session.list": ("List sessions.", "Listar sesiones."),
    "session.list.example": ("relevo session list", "relevo session list"),
    "session.show": ("Show a ticket's sessions.", "Mostrar las sesiones de un tique."),
    "session.show.example": ("relevo session show T-1", "relevo session show T-1"),
    "session.end": ("End a ticket's session.", "Terminar la sesión de un tique."),
    "session.end.example": ("relevo session end T-1", "relevo session end T-1"),
    "session.relay": (
        "Connect stdin and stdout to a session's relay: the ProxyCommand of ssh-config.",
        "Conectar la entrada y salida con el relé de una sesión: el ProxyCommand de ssh-config.",
    ),
    "session.waiting": ("Waiting for the user's answer…", "Esperando la respuesta de la persona…"),
    "session.opened": (
        "Session open on {ticket} until {until}. Granted: {scopes}.",
        "Sesión abierta en {ticket} hasta {until}. Concedido: {scopes}.",
    ),
    "session.less": ("Not granted: {scopes}.", "No concedido: {scopes}."),
    "session.ended": ("Sessions ended: {count}.", "Sesiones terminadas: {count}."),
    "session.none": ("There are no such sessions.", "No hay sesiones así."),
    "ssh-config": (
        "Print an OpenSSH configuration that reaches the ticket's session through the relay.",
        "Mostrar una configuración de OpenSSH que llega a la sesión del tique por el relé.",
    ),
    "ssh-config.example": (
        "relevo ssh-config T-1 > relevo.conf && ssh -F relevo.conf -s relevo-T-1 assist",
        "relevo ssh-config T-1 > relevo.conf && ssh -F relevo.conf -s relevo-T-1 assist",
    ),
    "option.scope": (
        "What to ask for, separated by commas: diagnose, logs, screenshot, fix, files, terminal, view, control.",
        "Qué pedir, separado por comas: diagnose, logs, screenshot, fix, files, terminal, view, control.",
    ),
    "option.minutes": ("For how long.", "Durante cuánto tiempo."),
    "option.reason": ("Why; the user reads this.", "Por qué; la persona lo lee."),
    "option.wait": ("Seconds to wait for the user.", "Segundos que se espera a la persona."),
    "column.session": ("Session", "Sesión"),
    "column.ticket": ("Ticket", "Tique"),
    "column.technician": ("Technician", "Técnico"),
    "column.state": ("State", "Estado"),
    "column.scopes": ("Scopes", "Permisos"),
    "column.ends": ("Ends", "Termina"),
    "column.here": ("Held here", "Aquí"),
    "yes": ("yes", "sí"),
    "no": ("no", "no"),
}
