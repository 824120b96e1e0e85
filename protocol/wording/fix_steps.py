"""What the agent's own fix steps say: the plan is read by the user of the machine."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "service.is": (
        "The service {service} ({manager}) is {state}.",
        "El servicio {service} ({manager}) está en estado {state}.",
    ),
    "service.plan": (
        "Start the service {service} through {manager}. Undoing stops it again.",
        "Arrancar el servicio {service} mediante {manager}. Al deshacerlo se vuelve a parar.",
    ),
    "undo.title": (
        "Undo run {run} of {fix}, version {version}.",
        "Deshacer la ejecución {run} de {fix}, versión {version}.",
    ),
    "undo.step": ("Run the fix's own undo step.", "Ejecutar el paso propio de la reparación para deshacer."),
    "undo.restore": (
        "Put back {path} as it was before ({size} bytes).",
        "Dejar {path} como estaba antes ({size} bytes).",
    ),
    "undo.remove": (
        "Remove {path}, which did not exist before.",
        "Quitar {path}, que antes no existía.",
    ),
    "undo.changed": (
        "Careful: {path} was changed again since; that change will be lost.",
        "Atención: {path} se ha cambiado después; ese cambio se perderá.",
    ),
    "undo.partly": (
        "This fix can be undone only in part; what it deleted for good does not come back.",
        "Esta reparación solo se puede deshacer en parte; lo que borró definitivamente no vuelve.",
    ),
    "ask": (
        "{technician} wants to run the fix “{title}” on this machine.",
        "{technician} quiere ejecutar en este equipo la reparación «{title}».",
    ),
    "ask.undo": (
        "{technician} wants to undo the fix “{title}” on this machine.",
        "{technician} quiere deshacer en este equipo la reparación «{title}».",
    ),
    "found.present": ("after the restart the fault is still there", "tras el reinicio el fallo sigue ahí"),
    "found.absent": ("after the restart the fault is gone", "tras el reinicio el fallo ya no está"),
    "found.unknown": (
        "after the restart it could not be seen whether the fault is there",
        "tras el reinicio no se ha podido ver si el fallo sigue ahí",
    ),
}
