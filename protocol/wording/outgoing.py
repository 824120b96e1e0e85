"""Words of `relevo-broker mail`, `webhook` and `outgoing`."""

from __future__ import annotations

from protocol.wording import Table

_DATA = "--data /var/lib/relevo"


def _same(example: str) -> tuple[str, str]:
    return f"relevo-broker {example} {_DATA}", f"relevo-broker {example} {_DATA}"


TABLE: Table = {
    "broker.mail": ("E-mail notices: how mails leave.", "Avisos por correo: cómo salen los mensajes."),
    "broker.mail.example": _same("mail show"),
    "broker.mail.set": (
        "Set the mail server; a running broker uses it within seconds.",
        "Configurar el servidor de correo; un servidor en marcha lo usa en segundos.",
    ),
    "broker.mail.set.example": (
        "relevo-broker mail set --data /var/lib/relevo --host mail.example.org --port 587 --starttls "
        "--from help@example.org --user help --password-file password.txt",
        "relevo-broker mail set --data /var/lib/relevo --host correo.example.org --port 587 --starttls "
        "--from ayuda@example.org --user ayuda --password-file clave.txt",
    ),
    "broker.mail.show": (
        "Show the mail server's settings, without the password.",
        "Mostrar la configuración de correo, sin la contraseña.",
    ),
    "broker.mail.show.example": _same("mail show"),
    "broker.mail.remove": (
        "Send no more mail; what still waits is dropped.",
        "Dejar de enviar correo; lo que todavía espera se descarta.",
    ),
    "broker.mail.remove.example": _same("mail remove"),
    "broker.mail.test": (
        "Send one mail now and say what the server answered.",
        "Enviar un correo ahora y decir qué respondió el servidor.",
    ),
    "broker.mail.test.example": _same("mail test admin@example.org"),
    "broker.mail.is-set": (
        "Mail goes through {host}:{port}. Try it: relevo-broker mail test ADDRESS",
        "El correo sale por {host}:{port}. Pruébelo: relevo-broker mail test DIRECCIÓN",
    ),
    "broker.mail.field.host": ("Server", "Servidor"),
    "broker.mail.field.port": ("Port", "Puerto"),
    "broker.mail.field.from": ("From", "Remitente"),
    "broker.mail.field.from_name": ("Name", "Nombre"),
    "broker.mail.field.security": ("Security", "Seguridad"),
    "broker.mail.field.user": ("User", "Usuario"),
    "broker.mail.field.has_password": ("Password set", "Tiene contraseña"),
    "broker.mail.field.has_ca": ("Own certificates", "Certificados propios"),
    "broker.mail.yes": ("yes", "sí"),
    "broker.mail.no": ("no", "no"),
    "broker.mail.removed": ("No more mail is sent.", "Ya no se envía correo."),
    "broker.mail.sent": (
        "The server took the mail to {address}.",
        "El servidor aceptó el correo para {address}.",
    ),
    "broker.option.mail-host": ("Mail server.", "Servidor de correo."),
    "broker.option.mail-port": (
        "Its port: usually 587 with --starttls, 465 with --tls.",
        "Su puerto: normalmente 587 con --starttls, 465 con --tls.",
    ),
    "broker.option.mail-from": ("Address that mails come from.", "Dirección desde la que se envía."),
    "broker.option.mail-from-name": ("Name beside that address.", "Nombre junto a esa dirección."),
    "broker.option.starttls": (
        "Insist on TLS with STARTTLS (default, but for this machine).",
        "Exigir TLS con STARTTLS (por defecto, salvo en este equipo).",
    ),
    "broker.option.tls": ("TLS from the first byte.", "TLS desde el primer byte."),
    "broker.option.allow-plaintext": (
        "No TLS, although others can read along: names, titles and answers.",
        "Sin TLS, aunque otros puedan leerlo: nombres, títulos y respuestas.",
    ),
    "broker.option.mail-user": ("User at the mail server.", "Usuario en el servidor de correo."),
    "broker.option.mail-password-file": (
        "File whose first line is the password.",
        "Archivo cuya primera línea es la contraseña.",
    ),
    "broker.option.ca": (
        "Trust only the certificates in this file (PEM), not the system's.",
        "Confiar solo en los certificados de este archivo (PEM), no en los del sistema.",
    ),
    "broker.webhook": (
        "Webhooks: where ticket events are posted to, signed.",
        "Webhooks: adónde se envían, firmados, los sucesos de los tiques.",
    ),
    "broker.webhook.example": _same("webhook list"),
    "broker.webhook.add": (
        "Add a target and print its id and signing secret. The secret is shown this once.",
        "Añadir un destino y mostrar su identificador y su clave de firma. La clave se muestra solo esta vez.",
    ),
    "broker.webhook.add.example": _same(
        "webhook add https://hooks.example.org/relevo --events ticket.created,ticket.resolved --customer acme"
    ),
    "broker.webhook.list": ("List the targets.", "Listar los destinos."),
    "broker.webhook.list.example": _same("webhook list"),
    "broker.webhook.remove": (
        "Remove a target; what still waits for it is dropped.",
        "Quitar un destino; lo que aún tenía pendiente se descarta.",
    ),
    "broker.webhook.remove.example": _same("webhook remove wh-0123456789ab"),
    "broker.webhook.test": (
        "Make one signed call now and say what was answered.",
        "Hacer ahora una llamada firmada y decir qué se respondió.",
    ),
    "broker.webhook.test.example": _same("webhook test wh-0123456789ab"),
    "broker.webhook.retry": (
        "Try everything again that was given up for a target.",
        "Volver a intentar todo lo que se abandonó para un destino.",
    ),
    "broker.webhook.retry.example": _same("webhook retry wh-0123456789ab"),
    "broker.webhook.added": (
        "Added: its id, and the secret by which it checks our signature. Keep the secret now.",
        "Añadido: su identificador y la clave con la que comprueba nuestra firma. Guarde ahora la clave.",
    ),
    "broker.webhook.none": ("There are no webhooks.", "No hay webhooks."),
    "broker.webhook.titles": ("ID|URL|Customer|Events|Text", "ID|URL|Cliente|Sucesos|Texto"),
    "broker.webhook.removed": ("{id} is removed.", "{id} se ha quitado."),
    "broker.webhook.sent": ("{url} took the call.", "{url} aceptó la llamada."),
    "broker.option.webhook-events": (
        "Only these events; all without it.",
        "Solo estos sucesos; sin esta opción, todos.",
    ),
    "broker.option.webhook-customer": (
        "Only tickets of this customer.",
        "Solo los tiques de este cliente.",
    ),
    "broker.option.with-text": (
        "Also titles and what was said to the user; never internal notes.",
        "También títulos y lo que se dijo al usuario; nunca notas internas.",
    ),
    "broker.outgoing": (
        "Mails and webhook calls that wait or were given up.",
        "Correos y llamadas que esperan o que se abandonaron.",
    ),
    "broker.outgoing.example": _same("outgoing list"),
    "broker.outgoing.list": (
        "List what waits and what was given up, the newest first.",
        "Listar lo que espera y lo que se abandonó, lo más nuevo primero.",
    ),
    "broker.outgoing.list.example": _same("outgoing list --failed"),
    "broker.outgoing.retry": (
        "Try again what was given up.",
        "Volver a intentar lo que se abandonó.",
    ),
    "broker.outgoing.retry.example": _same("outgoing retry --all-failed"),
    "broker.outgoing.none": ("Nothing.", "Nada."),
    "broker.outgoing.titles": (
        "ID|Ticket|What|Target|To|State|Attempts|At|Why",
        "ID|Tique|Qué|Destino|A|Estado|Intentos|Cuándo|Motivo",
    ),
    "broker.outgoing.queued": ("waits", "espera"),
    "broker.outgoing.sent": ("sent", "enviado"),
    "broker.outgoing.failed": ("FAILED", "FALLIDO"),
    "broker.outgoing.dropped": ("dropped", "descartado"),
    "broker.outgoing.retried": ("They are being sent again.", "Se están enviando de nuevo."),
    "broker.outgoing.later": (
        "No broker took the request yet: it is done when one runs on this folder.",
        "Ningún servidor ha recogido la petición: se hará cuando uno funcione en esta carpeta.",
    ),
    "broker.option.failed": ("Only what was given up.", "Solo lo que se abandonó."),
    "broker.option.outgoing-all": (
        "Also what was sent or dropped in the last 30 days.",
        "También lo enviado o descartado en los últimos 30 días.",
    ),
    "broker.option.all-failed": ("Everything that was given up.", "Todo lo que se abandonó."),
    "broker.option.limit": ("At most so many rows.", "Como mucho, tantas filas."),
}
