"""Words of the conversation on a ticket, for both sides of it."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "chat": (
        "Talk about a ticket with whoever helps you. Ends with Ctrl-D.",
        "Hablar sobre un tique con quien le ayuda. Se sale con Ctrl-D.",
    ),
    "chat.example": (
        "relevo-agent chat T-1\nrelevo-agent chat T-1 --follow --json",
        "relevo-agent chat T-1\nrelevo-agent chat T-1 --follow --json",
    ),
    "ticket.chat": (
        "Talk with the user on a ticket; a line that begins with /note stays among colleagues. Ends with Ctrl-D.",
        "Hablar con el usuario en un tique; una línea que empieza por /note queda entre colegas. Se sale con Ctrl-D.",
    ),
    "ticket.chat.example": (
        "relevo ticket chat T-1\nrelevo ticket chat T-1 --follow --json",
        "relevo ticket chat T-1\nrelevo ticket chat T-1 --follow --json",
    ),
    "option.chat-follow": (
        "Without a terminal: go on with what comes.",
        "Sin terminal: seguir con lo que vaya llegando.",
    ),
    "option.chat-after": (
        "Only what came after this index.",
        "Solo lo que llegó después de este índice.",
    ),
    "option.chat-seconds": ("Stop after this many seconds.", "Parar pasados estos segundos."),
    "chat.title": ("{ticket}: {title} ({state})", "{ticket}: {title} ({state})"),
    "chat.how": (
        "Type and press Enter. Ctrl-D leaves; the ticket stays open.",
        "Escriba y pulse Intro. Ctrl-D sale; el tique sigue abierto.",
    ),
    "chat.how-desk": (
        "Type and press Enter; /note TEXT for colleagues only. Ctrl-D leaves.",
        "Escriba y pulse Intro; /note TEXTO solo para colegas. Ctrl-D sale.",
    ),
    "chat.you": ("you", "usted"),
    "chat.user": ("{name} (user)", "{name} (usuario)"),
    "chat.note-by": ("{name} (note)", "{name} (nota)"),
    "chat.withheld": ("[needs {clearance}]", "[requiere {clearance}]"),
    "chat.attached": (
        "{name} ({size}): `{command}`",
        "{name} ({size}): `{command}`",
    ),
    "chat.attached-own": ("you attached {name} ({size})", "usted adjuntó {name} ({size})"),
    "chat.as-is": ("nothing was removed from it", "no se ha quitado nada de él"),
    "chat.read": ("the user read it at {at}", "leído por el usuario: {at}"),
    "chat.lost": (
        "The connection is lost; trying again …",
        "Se ha perdido la conexión; se intenta de nuevo …",
    ),
    "chat.back": ("Connected again.", "Conectado de nuevo."),
    "chat.not-sent": ("Not sent: {text}: {why}", "No se ha enviado: {text}: {why}"),
    "chat.will-be-sent": (
        "Not sent yet, will be as soon as there is a connection: {text}",
        "Aún sin enviar; se enviará en cuanto haya conexión: {text}",
    ),
    "chat.too-many": ("too many messages wait to be sent", "hay demasiados mensajes por enviar"),
    "chat.unsent": ("{count} messages were not sent", "no se enviaron {count} mensajes"),
    "chat.move.take": ("{name} looks after your ticket now.", "{name} se ocupa ahora de su tique."),
    "chat.move.accept": ("{name} looks after your ticket now.", "{name} se ocupa ahora de su tique."),
    "chat.move.pend": ("{name} is waiting: {text}", "{name} está a la espera: {text}"),
    "chat.move.resolve": ("Solved, says {name}: {text}", "Resuelto, dice {name}: {text}"),
    "chat.move.reopen": ("{name} opened the ticket again.", "{name} reabrió el tique."),
    "chat.move.close": ("The ticket is closed.", "El tique está cerrado."),
    "chat.move.cancel": ("The ticket was withdrawn.", "El tique se ha retirado."),
    "chat.now": ("{what}: {state} ({name})", "{what}: {state} ({name})"),
    "option.show-follow": (
        "Afterwards go on with what happens.",
        "Después, seguir con lo que vaya pasando.",
    ),
    "ticket.attach": (
        "Put a file on a ticket, for the user and for colleagues. It is sealed before it leaves.",
        "Adjuntar un archivo a un tique, para el usuario y los colegas. Se cifra antes de salir.",
    ),
    "ticket.attach.example": (
        "relevo ticket attach T-1 instructions.pdf",
        "relevo ticket attach T-1 instrucciones.pdf",
    ),
    "option.attach-name": ("Name that the others see.", "Nombre que ven los demás."),
    "ticket.attached": ("On {ticket}; the user can fetch it.", "En {ticket}; el usuario puede descargarlo."),
    "attach": (
        "Put a file on a ticket. Private data is removed first, and you see what would leave this computer.",
        "Adjuntar un archivo a un tique. Antes se quitan los datos privados y usted ve qué saldría de este equipo.",
    ),
    "attach.example": (
        'relevo-agent attach T-1 error.log\nrelevo-agent attach T-1 form.pdf --as-is --reason "They asked for the form"',
        'relevo-agent attach T-1 error.log\nrelevo-agent attach T-1 formulario.pdf --as-is --reason "Pidieron el formulario"',
    ),
    "option.attach-clearance": (
        "Who may see it: R1 everybody who helps you, R2 fewer, R3 experts. Text is R1 and pictures are R3 by default.",
        "Quién puede verlo: R1 todos los que le ayudan, R2 menos, R3 expertos. Por defecto, texto R1 e imágenes R3.",
    ),
    "option.as-is": (
        "Send the file unchanged, with nothing removed; only experts (R3) can open it. Needs --reason.",
        "Enviar el archivo sin cambios, sin quitar nada; solo los expertos (R3) pueden abrirlo. Requiere --reason.",
    ),
    "option.as-is-reason": ("Why it is sent unchanged.", "Por qué se envía sin cambios."),
    "option.attach-yes": ("Do not ask: for scripts.", "No preguntar: para scripts."),
    "attach.looking": (
        "Looking for private data in the file …",
        "Buscando datos privados en el archivo …",
    ),
    "attach.name": ("{before} would be called {after}", "{before} se llamaría {after}"),
    "attach.kind.text": (
        "text, {before} bytes; {after} would leave",
        "texto, {before} bytes; saldrían {after}",
    ),
    "attach.kind.picture": (
        "picture, {before} bytes; {after} would leave",
        "imagen, {before} bytes; saldrían {after}",
    ),
    "attach.kind.opaque": (
        "file of another kind, {before} bytes; {after} would leave",
        "archivo de otro tipo, {before} bytes; saldrían {after}",
    ),
    "attach.opaque": (
        "nothing private can be taken out of a file of this kind; --as-is --reason TEXT sends it unchanged, for experts only",
        "de un archivo de este tipo no se puede quitar nada privado; --as-is --reason TEXTO lo envía sin cambios, solo para expertos",
    ),
    "attach.as-is": (
        "Nothing is removed from it: whatever is in it leaves this computer.",
        "No se quita nada: todo lo que contiene sale de este equipo.",
    ),
    "attach.removed": ("removed or replaced: {what}", "quitado o sustituido: {what}"),
    "attach.nothing-removed": ("nothing private was found in it", "no se ha encontrado nada privado"),
    "attach.visible": (
        "Place, time, device and the like are removed. What can be seen in the picture stays: look at it first.",
        "Se quitan el lugar, la hora, el aparato y datos similares. Lo que se ve en la imagen se queda: mírela antes.",
    ),
    "attach.class.secret": ("passwords and keys", "contraseñas y claves"),
    "attach.class.person": ("people", "personas"),
    "attach.class.network": ("network addresses and names", "direcciones y nombres de red"),
    "attach.class.business": ("file names and the like", "nombres de archivos y similares"),
    "attach.readers": ("{count} people could open it: {names}", "Podrían abrirlo {count} personas: {names}"),
    "attach.sure": ("Send it?", "¿Enviarlo?"),
    "attach.done": ("It is on {ticket} now.", "Ya está en {ticket}."),
    "attachments": ("The files on one of your tickets.", "Los archivos de uno de sus tiques."),
    "attachments.example": ("relevo-agent attachments T-1", "relevo-agent attachments T-1"),
    "attachments.none": ("There are no files on this ticket.", "Este tique no tiene archivos."),
    "fetch": (
        "Get a file that a technician put on your ticket. It is written where you say, and not opened.",
        "Descargar un archivo que un técnico adjuntó a su tique. Se guarda donde usted diga y no se abre.",
    ),
    "fetch.example": (
        "relevo-agent fetch art-0123456789abcdef01234567 -o instructions.pdf",
        "relevo-agent fetch art-0123456789abcdef01234567 -o instrucciones.pdf",
    ),
    "option.fetch-output": (
        "File to write; it must not be there yet.",
        "Archivo que se escribe; no debe existir ya.",
    ),
    "fetch.done": (
        "From {name}, signature checked. Saved to {path}.",
        "De {name}, firma comprobada. Guardado en {path}.",
    ),
}
