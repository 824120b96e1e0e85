"""Words of the `relevo` command line that are not a single command's own."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "relevo": (
        "Remote technical support that the helped person stays in charge of. For technicians, administrators and auditors.",
        "Asistencia técnica remota en la que manda la persona ayudada. Para técnicos, administradores y auditores.",
    ),
    "relevo.example": (
        'relevo ticket list\nrelevo session open T-1 --scope diagnose,logs --minutes 30 --reason "…"\nrelevo diagnose T-1',
        'relevo ticket list\nrelevo session open T-1 --scope diagnose,logs --minutes 30 --reason "…"\nrelevo diagnose T-1',
    ),
    "option.home": (
        "Folder of this technician's settings and keys (or RELEVO_HOME).",
        "Carpeta con los ajustes y claves de este técnico (o RELEVO_HOME).",
    ),
}
