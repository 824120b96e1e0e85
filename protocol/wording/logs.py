"""Words of `relevo logs`."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "logs": (
        "Search or follow the logs of the machine in an open session.",
        "Buscar en los registros del equipo, o seguirlos, en una sesión abierta.",
    ),
    "logs.example": (
        "relevo logs T-1 --since 1h --source syslog --grep 'error|fail'\nrelevo logs T-1 --source journal:cups.service --follow",
        "relevo logs T-1 --since 1h --source syslog --grep 'error|fail'\nrelevo logs T-1 --source journal:cups.service --follow",
    ),
    "option.since": (
        "Only lines from this time on: 90s, 15m, 1h, 2d before now, or a time.",
        "Solo líneas desde ese momento: 90s, 15m, 1h o 2d antes de ahora, o una hora concreta.",
    ),
    "option.until": ("Only lines up to this time.", "Solo líneas hasta ese momento."),
    "option.source": (
        "journal, journal:UNIT, or a file or folder below the log folders; all of them if left out.",
        "journal, journal:UNIDAD, o un archivo o carpeta de los registros; si se omite, todos.",
    ),
    "option.grep": (
        "Only lines that match this RE2 expression, after private data was removed.",
        "Solo líneas que cumplen esta expresión RE2, una vez quitados los datos privados.",
    ),
    "option.lines": (
        "The most lines; the newest are kept.",
        "Máximo de líneas; se conservan las más recientes.",
    ),
    "option.follow": (
        "Go on with new lines as they are written, until Ctrl-C.",
        "Seguir con las líneas nuevas según se escriben, hasta pulsar Ctrl-C.",
    ),
    "logs.searching": ("searching the logs", "buscando en los registros"),
    "logs.summary": (
        "{sent} of {matched} matching lines from {sources} sources.",
        "{sent} de {matched} líneas encontradas en {sources} fuentes.",
    ),
    "logs.truncated": (
        "Only the newest {sent} are shown; narrow the search or raise --limit.",
        "Solo se muestran las {sent} más recientes; acote la búsqueda o suba --limit.",
    ),
    "logs.secrets": (
        "{count} secrets were removed on the user's machine.",
        "Se han quitado {count} secretos en el equipo de la persona.",
    ),
    "logs.unreadable": ("Not read: {name}", "No leído: {name}"),
    "logs.unreadable-more": ("… and {count} more that were not read.", "… y {count} más sin leer."),
    "logs.stored": ("On the ticket as {artifact} ({name}).", "En el tique como {artifact} ({name})."),
    "logs.not-a-time": ("not a time or a duration: {text}", "no es una hora ni una duración: {text}"),
    "logs.follow-until": ("--follow has no --until", "--follow no admite --until"),
    "logs.too-long": ("pattern or source too long", "expresión o fuente demasiado larga"),
    "logs.order": ("--since is after --until", "--since es posterior a --until"),
}
