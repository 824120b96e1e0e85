"""Words of `relevo diagnose` and of its report: collectors, states and reasons."""

from __future__ import annotations

from protocol.wording.diagnosis_facts import FACTS
from protocol.wording.findings_network import NETWORK
from protocol.wording.findings_system import SYSTEM

_COMMAND: dict[str, tuple[str, str]] = {
    "diagnose": (
        "Find out what is wrong with the machine of a ticket. Needs an open session with the scope diagnose.",
        "Averiguar qué le pasa al equipo de un tique. Necesita una sesión abierta con el permiso diagnose.",
    ),
    "diagnose.example": (
        "relevo diagnose T-1\nrelevo diagnose T-1 --only disks,memory --json",
        "relevo diagnose T-1\nrelevo diagnose T-1 --only disks,memory --json",
    ),
    "option.only": (
        "Run only these collectors, separated by commas.",
        "Ejecutar solo estos recolectores, separados por comas.",
    ),
    "option.all-facts": (
        "Show every fact, not only what was found.",
        "Mostrar todos los datos, no solo los hallazgos.",
    ),
    "diagnose.step": ("Collecting: {name}", "Recogiendo: {name}"),
    "diagnose.receiving": ("Receiving the result", "Recibiendo el resultado"),
    "diagnose.stored": ("Stored on the ticket as {artifact}.", "Guardado en el tique como {artifact}."),
}

_REPORT: dict[str, tuple[str, str]] = {
    "report.title": ("Diagnosis of {os}", "Diagnóstico de {os}"),
    "report.made": (
        "Collected {at}, seen at clearance {clearance}, signed by {agent}.",
        "Recogido {at}, visto con el nivel {clearance}, firmado por {agent}.",
    ),
    "report.redacted": (
        "{count} values were replaced or removed before this left the machine.",
        "Se sustituyeron o quitaron {count} valores antes de salir del equipo.",
    ),
    "report.findings": ("What was found", "Hallazgos"),
    "report.nothing": (
        "Nothing wrong was found in what could be looked at.",
        "No se ha encontrado nada mal en lo que se ha podido mirar.",
    ),
    "report.facts": ("What was looked at", "Qué se ha mirado"),
    "report.none": ("none", "ninguno"),
    "report.dropped": ("{count} left out by the limit", "{count} omitidos por el límite"),
    "report.hint": (
        "Every fact: --all; for programs: --json.",
        "Todos los datos: --all; para programas: --json.",
    ),
    "report.yes": ("yes", "sí"),
    "report.no": ("no", "no"),
    "severity.critical": ("CRITICAL", "CRÍTICO"),
    "severity.warning": ("WARNING", "AVISO"),
    "severity.notice": ("NOTICE", "NOTA"),
    "status.ok": ("ok", "bien"),
    "status.partial": ("partial", "parcial"),
    "status.failed": ("failed", "ha fallado"),
    "status.timeout": ("timed out", "sin tiempo"),
    "status.denied": ("not allowed", "sin permiso"),
    "status.not_applicable": ("does not apply", "no procede"),
    "status.skipped": ("skipped", "omitido"),
}

_COLLECTORS: dict[str, tuple[str, str]] = {
    "collector.uptime": ("Running time", "Tiempo en marcha"),
    "collector.system": ("System", "Sistema"),
    "collector.cpu": ("Processor", "Procesador"),
    "collector.memory": ("Memory", "Memoria"),
    "collector.disks": ("Disks", "Discos"),
    "collector.caches": ("Cache folders", "Carpetas de caché"),
    "collector.disk-io": ("Disk activity", "Actividad de disco"),
    "collector.processes": ("Processes", "Procesos"),
    "collector.services": ("Services", "Servicios"),
    "collector.network": ("Network", "Red"),
    "collector.dns": ("Name resolution", "Resolución de nombres"),
    "collector.hosts-file": ("Hosts file", "Archivo hosts"),
    "collector.reachability": ("Reachability", "Alcance de red"),
    "collector.packages": ("Packages and updates", "Paquetes y actualizaciones"),
    "collector.time": ("Clock", "Reloj"),
    "collector.logs-summary": ("Logs of the last hour", "Registros de la última hora"),
    "collector.certificates": ("Certificates", "Certificados"),
    "collector.accounts": ("Accounts", "Cuentas"),
    "collector.printing": ("Printing", "Impresión"),
    "collector.locks": ("Lock files", "Archivos de bloqueo"),
    "collector.agent": ("This agent", "Este agente"),
}

_REASONS: dict[str, tuple[str, str]] = {
    "reason.needs-privilege": ("needs more privilege", "necesita más privilegios"),
    "reason.redaction": (
        "it held something that must not leave the machine",
        "contenía algo que no debe salir del equipo",
    ),
    "reason.time-limit": ("took longer than it may", "tardó más de lo permitido"),
    "reason.output-limit": ("said more than it may", "dio más datos de lo permitido"),
    "reason.output-malformed": ("gave an answer that is none", "dio una respuesta no válida"),
    "reason.memory-limit": ("wanted more memory than it may", "quiso más memoria de la permitida"),
    "reason.error": ("ended with an error", "acabó con un error"),
    "reason.ended": ("its process died", "su proceso murió"),
    "reason.host-ended": ("the collector host died", "el proceso recolector murió"),
    "reason.host-stuck": ("the collector host did not answer", "el proceso recolector no respondió"),
    "reason.platform": ("not on this platform", "no existe en esta plataforma"),
    "reason.no-answer": ("no answer", "sin respuesta"),
    "reason.no-drives": ("no drives to measure", "no hay discos que medir"),
    "reason.no-services": ("no service manager", "no hay gestor de servicios"),
    "reason.no-package-manager": ("no package manager", "no hay gestor de paquetes"),
    "reason.no-logs": ("no logs", "no hay registros"),
    "reason.no-printing": ("printing is not installed", "la impresión no está instalada"),
    "reason.no-resolver": ("no resolver is configured", "no hay servidor DNS configurado"),
    "reason.no-broker": ("the broker's address is not known", "no se conoce la dirección del servidor"),
    "reason.no-authorities": ("no bundle of authorities", "no hay autoridades de certificación"),
    "reason.scheduler-stopped": (
        "the print scheduler does not run",
        "el servicio de impresión no está en marcha",
    ),
    "reason.upgrades-unknown": (
        "updates could not be determined",
        "no se pudieron determinar las actualizaciones",
    ),
    "reason.kernel-silent": ("the kernel does not say", "el núcleo no lo dice"),
    "reason.manager-failed": ("a service manager did not answer", "un gestor de servicios no respondió"),
    "reason.agent-not-running": ("the agent's own state is incomplete", "falta parte del estado del agente"),
    "reason.no-such-name": ("no such name", "ese nombre no existe"),
    "reason.try-again": ("the resolver gave up", "el servidor DNS no contestó"),
    "reason.refused": ("refused", "rechazado"),
    "reason.network-unreachable": ("no way there from this machine", "no hay camino desde este equipo"),
    "reason.host-unreachable": ("that machine is not reachable", "no se llega a ese equipo"),
    "reason.answer-malformed": ("an answer that is none", "una respuesta no válida"),
    "reason.name-does-not-resolve": ("its name does not resolve", "su nombre no se resuelve"),
    "reason.certificate-not-trusted": ("its certificate is not trusted", "su certificado no es de confianza"),
    "reason.certificate-malformed": ("its certificate cannot be read", "su certificado no se puede leer"),
    "reason.tls-failed": ("no protected connection came about", "no se logró una conexión protegida"),
    "reason.missing": ("missing", "falta"),
    "reason.unreadable": ("not readable", "no se puede leer"),
    "reason.slow": ("did not answer in time", "no respondió a tiempo"),
    "reason.malformed": ("cannot be understood", "no se entiende"),
}

TABLE: dict[str, tuple[str, str]] = {
    **_COMMAND,
    **_REPORT,
    **_COLLECTORS,
    **_REASONS,
    **SYSTEM,
    **NETWORK,
    **FACTS,
}
