"""Words of `relevo org` and `relevo login`."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "login": (
        "Pin the organisation and prove your key to its broker. There are no passwords.",
        "Fijar la organización y demostrar su clave ante el servidor. No hay contraseñas.",
    ),
    "login.example": (
        "relevo login wss://help.example:8443 --key ~/.ssh/id_ed25519 --root 3f5a…",
        "relevo login wss://ayuda.example:8443 --key ~/.ssh/id_ed25519 --root 3f5a…",
    ),
    "login.key": (
        "Your SSH private key; or `agent`, or its SHA256: fingerprint, if it is in the ssh-agent.",
        "Su clave privada SSH; o `agent`, o su huella SHA256:, si está en el ssh-agent.",
    ),
    "login.root": (
        "The organisation's root hash, as your administrator gave it to you.",
        "El resumen raíz de la organización, tal como se lo dio su administrador.",
    ),
    "login.done": ("Logged in as {name} ({id}): {roles}.", "Sesión iniciada como {name} ({id}): {roles}."),
    "org": (
        "The organisation: its keys, people, customers and fixes. Signed on this machine, never on the broker.",
        "La organización: sus claves, personas, clientes y reparaciones. Se firma en este equipo, nunca en el servidor.",
    ),
    "org.example": (
        "relevo org publish",
        "relevo org publish",
    ),
    "org.init": (
        "Make an organisation: its keys, the first administrator and an auditor's recipient.",
        "Crear una organización: sus claves, el primer administrador y un destinatario para auditoría.",
    ),
    "org.init.example": (
        'relevo org init --name "Help Ltd" --home ./admin',
        'relevo org init --name "Ayuda SL" --home ./admin',
    ),
    "org.init.name": (
        "Name that users see when they are asked for consent.",
        "Nombre que ven los usuarios al pedirles consentimiento.",
    ),
    "org.init.admin": ("Id of the first administrator.", "Identificador del primer administrador."),
    "org.init.done": ("Organisation {name} made: {org}", "Organización {name} creada: {org}"),
    "org.init.root": ("Root hash to hand out: {root}", "Resumen raíz que debe repartir: {root}"),
    "org.init.keys": (
        "Keep {folder} safe and backed up: whoever has it is the organisation.",
        "Guarde bien {folder} y haga una copia: quien la tenga es la organización.",
    ),
    "org.connect": (
        "Exchange public keys with a broker and publish the repository.",
        "Intercambiar claves públicas con un servidor y publicar el repositorio.",
    ),
    "org.connect.example": (
        "relevo org connect /var/lib/relevo-broker --home ./admin",
        "relevo org connect /var/lib/relevo-broker --home ./admin",
    ),
    "org.publish": ("Sign and upload all staged changes.", "Firmar y subir todos los cambios preparados."),
    "org.publish.example": ("relevo org publish --home ./admin", "relevo org publish --home ./admin"),
    "org.published": ("Published, version {version}.", "Publicado, versión {version}."),
    "org.left_for_broker": (
        "The broker is not running; version {version} is waiting in its folder for its next start.",
        "El servidor no está en marcha; la versión {version} espera en su carpeta a que arranque.",
    ),
    "org.waiting": (
        "Fixes of risk {risk} are awaiting a second person's signature and were not published: "
        "see `relevo org fix propose {risk}`.",
        "Las reparaciones de riesgo {risk} esperan la firma de una segunda persona y no se han publicado: "
        "consulte `relevo org fix propose {risk}`.",
    ),
    "org.publish_needed": (
        "Staged here only. It counts after `relevo org publish`.",
        "De momento solo está preparado aquí. Valdrá después de `relevo org publish`.",
    ),
    "org.role.unknown": ("A role is one of: {roles}", "Los roles posibles son: {roles}"),
    "org.technician": (
        "Technicians, approvers, auditors, administrators.",
        "Técnicos, aprobadores, auditores y administradores.",
    ),
    "org.technician.example": (
        "relevo org technician list",
        "relevo org technician list",
    ),
    "org.technician.add": ("Add a person.", "Añadir una persona."),
    "org.technician.add.example": (
        'relevo org technician add ana --name "Ana Ruiz" --tier 1 --role technician --key ana.pub',
        'relevo org technician add ana --name "Ana Ruiz" --tier 1 --role technician --key ana.pub',
    ),
    "org.technician.name": ("Name that users see.", "Nombre que ven los usuarios."),
    "org.technician.tier": ("Tier of a technician: 1, 2 or 3.", "Nivel del técnico: 1, 2 o 3."),
    "org.technician.role": (
        "Roles with commas: technician, approver, auditor, admin; or expert alone, for somebody from outside.",
        "Roles separados por comas: technician, approver, auditor, admin; o solo expert, para alguien de fuera.",
    ),
    "org.technician.customer": (
        "A customer this person may help; repeat it for more. Without it: all customers.",
        "Cliente al que puede atender; repítalo para añadir más. Si falta: todos los clientes.",
    ),
    "org.technician.key": (
        "SSH public key file (Ed25519 or a security key); repeat it for more.",
        "Archivo de clave pública SSH (Ed25519 o llave de seguridad); repítalo para añadir más.",
    ),
    "org.technician.added": ("Technician {id} added.", "Técnico {id} añadido."),
    "org.technician.remove": (
        "Remove a person and revoke their keys.",
        "Quitar a una persona y revocar sus claves.",
    ),
    "org.technician.remove.example": (
        "relevo org technician remove ana",
        "relevo org technician remove ana",
    ),
    "org.technician.removed": ("{id} removed, keys revoked.", "{id} eliminado y sus claves revocadas."),
    "org.technician.list": ("List everybody.", "Listar a todas las personas."),
    "org.technician.list.example": (
        "relevo org technician list --json",
        "relevo org technician list --json",
    ),
    "org.technician.titles": ("ID|Name|Roles|Tiers|Keys", "ID|Nombre|Roles|Niveles|Claves"),
    "org.technician.none": ("Nobody yet.", "Todavía no hay nadie."),
    "org.customer": (
        "Customers that this organisation helps.",
        "Clientes a los que atiende esta organización.",
    ),
    "org.customer.example": (
        "relevo org customer list",
        "relevo org customer list",
    ),
    "org.customer.add": ("Add a customer.", "Añadir un cliente."),
    "org.customer.add.example": (
        'relevo org customer add acme --name "Acme Ltd"',
        'relevo org customer add acme --name "Acme SA"',
    ),
    "org.customer.name": ("The customer's name.", "Nombre del cliente."),
    "org.customer.added": ("Customer {id} added.", "Cliente {id} añadido."),
    "org.customer.list": ("List customers.", "Listar los clientes."),
    "org.customer.list.example": (
        "relevo org customer list",
        "relevo org customer list",
    ),
    "org.customer.titles": ("ID|Name", "ID|Nombre"),
    "org.customer.none": ("No customer yet.", "Todavía no hay clientes."),
    "org.token": (
        "Write a file that lets one machine join, once.",
        "Escribir un archivo con el que un equipo puede unirse, una sola vez.",
    ),
    "org.token.example": (
        "relevo org token --customer acme --expires 24h -o token.json",
        "relevo org token --customer acme --expires 24h -o alta.json",
    ),
    "org.token.customer": ("The customer the machine belongs to.", "Cliente al que pertenece el equipo."),
    "org.token.mode": (
        "attended: a person at the machine consents each time; standing: a machine nobody sits at.",
        "attended: una persona consiente cada vez ante el equipo; standing: equipo sin nadie delante.",
    ),
    "org.token.expires": (
        "How long it can be used: 30m, 24h, 7d.",
        "Durante cuánto tiempo sirve: 30m, 24h, 7d.",
    ),
    "org.token.output": ("File to write.", "Archivo que se escribe."),
    "org.token.done": (
        "Wrote {file}; it works once, until {expires}.",
        "Escrito {file}; sirve una vez, hasta {expires}.",
    ),
    "org.token.hand": (
        "Hand it to the owner of the machine only: whoever has it can enrol a machine.",
        "Entréguelo solo al dueño del equipo: quien lo tenga puede dar de alta un equipo.",
    ),
    "org.fix": ("Approved fixes.", "Reparaciones aprobadas."),
    "org.fix.example": (
        "relevo org fix list",
        "relevo org fix list",
    ),
    "org.fix.add": (
        "Check a fix directory (manifest.toml and its files) and stage it.",
        "Comprobar la carpeta de una reparación (manifest.toml y sus archivos) y prepararla.",
    ),
    "org.fix.add.example": ("relevo org fix add fixes/stale-lock", "relevo org fix add fixes/stale-lock"),
    "org.fix.added": (
        "Fix {fix}/{version} ({risk}) staged.",
        "Reparación {fix}/{version} ({risk}) preparada.",
    ),
    "org.fix.publish": (
        "Sign and upload; high and destructive fixes need a second person's signature.",
        "Firmar y subir; las reparaciones high y destructive necesitan la firma de una segunda persona.",
    ),
    "org.fix.publish.example": (
        "relevo org fix publish stale-lock",
        "relevo org fix publish stale-lock",
    ),
    "org.fix.revoke": (
        "Revoke a fix: it must no longer run anywhere.",
        "Revocar una reparación: no debe ejecutarse más en ningún equipo.",
    ),
    "org.fix.revoke.example": (
        "relevo org fix revoke stale-lock --version 1",
        "relevo org fix revoke stale-lock --version 1",
    ),
    "org.fix.version": ("Only this version; without it, all.", "Solo esta versión; si falta, todas."),
    "org.fix.revoked": ("Fix {fix} revoked.", "Reparación {fix} revocada."),
    "org.fix.list": ("List fixes and where each stands.", "Listar las reparaciones y el estado de cada una."),
    "org.fix.list.example": (
        "relevo org fix list --json",
        "relevo org fix list --json",
    ),
    "org.fix.titles": ("Fix|Version|Risk|Author|State", "Reparación|Versión|Riesgo|Autor|Estado"),
    "org.fix.none": ("No fix yet.", "Todavía no hay reparaciones."),
    "org.fix.state.staged": ("staged", "preparada"),
    "org.fix.state.awaiting-signature": ("awaiting second signature", "a la espera de la segunda firma"),
    "org.fix.state.signed": ("signed", "firmada"),
    "org.fix.state.revoked": ("revoked", "revocada"),
    "org.fix.propose": (
        "Write what awaits a second signature to a file for the second signer.",
        "Escribir en un archivo lo que espera la segunda firma, para quien deba firmarlo.",
    ),
    "org.fix.propose.example": (
        "relevo org fix propose high -o proposal.json",
        "relevo org fix propose high -o propuesta.json",
    ),
    "org.fix.output": ("File for the second signer.", "Archivo para la segunda persona que firma."),
    "org.fix.proposed": (
        "Wrote {file} for the second signer.",
        "Escrito {file} para la segunda persona que firma.",
    ),
    "org.fix.show": ("Show what a proposal holds.", "Mostrar lo que contiene una propuesta."),
    "org.fix.show.example": (
        "relevo org fix show proposal.json",
        "relevo org fix show propuesta.json",
    ),
    "org.fix.sign": ("Sign a proposal as the second person.", "Firmar una propuesta como segunda persona."),
    "org.fix.sign.example": (
        "relevo org fix sign proposal.json -o signed.json",
        "relevo org fix sign propuesta.json -o firmada.json",
    ),
    "org.fix.signed_output": ("File to send back.", "Archivo que se devuelve."),
    "org.fix.signed": ("Signed {fix}/{version}: {title}", "Firmada {fix}/{version}: {title}"),
    "org.fix.send_back": (
        "Send {file} back; it counts after `relevo org fix accept`.",
        "Devuelva {file}; valdrá después de `relevo org fix accept`.",
    ),
    "org.fix.accept": ("Take a signed proposal back.", "Recoger una propuesta firmada."),
    "org.fix.accept.example": (
        "relevo org fix accept signed.json",
        "relevo org fix accept firmada.json",
    ),
    "org.fix.accepted": (
        "Fixes of risk {risk} have all signatures.",
        "Las reparaciones de riesgo {risk} tienen todas las firmas.",
    ),
    "org.signer": ("People who may sign fixes.", "Personas que pueden firmar reparaciones."),
    "org.signer.example": (
        "relevo org signer list",
        "relevo org signer list",
    ),
    "org.signer.new": (
        "Make a fix-signing key in your own home, as a second signer.",
        "Crear una clave para firmar reparaciones en su propia carpeta, como segunda persona.",
    ),
    "org.signer.new.example": (
        "relevo org signer new -o eva.pub",
        "relevo org signer new -o eva.pub",
    ),
    "org.signer.output": ("File for the public key.", "Archivo para la clave pública."),
    "org.signer.made": ("Hand {file} to the administrator.", "Entregue {file} al administrador."),
    "org.signer.add": ("Let a person sign fixes.", "Permitir que una persona firme reparaciones."),
    "org.signer.add.example": (
        "relevo org signer add eva --key eva.pub",
        "relevo org signer add eva --key eva.pub",
    ),
    "org.signer.key": (
        "Public key file from `relevo org signer new`.",
        "Archivo de clave pública de `relevo org signer new`.",
    ),
    "org.signer.added": ("{id} may sign fixes.", "{id} puede firmar reparaciones."),
    "org.signer.remove": (
        "Let a person sign fixes no more.",
        "Dejar de permitir que una persona firme reparaciones.",
    ),
    "org.signer.remove.example": (
        "relevo org signer remove eva",
        "relevo org signer remove eva",
    ),
    "org.signer.removed": ("{id} may no longer sign fixes.", "{id} ya no puede firmar reparaciones."),
    "org.signer.list": ("List who may sign fixes.", "Listar quién puede firmar reparaciones."),
    "org.signer.list.example": (
        "relevo org signer list --json",
        "relevo org signer list --json",
    ),
    "org.signer.titles": ("ID|Key", "ID|Clave"),
    "org.signer.none": ("Nobody may sign fixes.", "Nadie puede firmar reparaciones."),
}
