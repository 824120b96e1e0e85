"""Words of ``relevo-broker``."""

from __future__ import annotations

from protocol.wording import Table

TABLE: Table = {
    "broker": (
        "The meeting point between agents and technicians: keeps tickets, decides who may do what, relays "
        "sessions that it cannot read.",
        "El punto de encuentro entre agentes y técnicos: guarda los tiques, decide quién puede hacer qué y "
        "retransmite sesiones que no puede leer.",
    ),
    "broker.example": (
        "relevo-broker init --data /var/lib/relevo --url wss://help.example:8443\nrelevo-broker serve --data /var/lib/relevo",
        "relevo-broker init --data /var/lib/relevo --url wss://help.example:8443\nrelevo-broker serve --data /var/lib/relevo",
    ),
    "broker.init": ("Make a broker in a folder.", "Crear un servidor (broker) en una carpeta."),
    "broker.init.example": (
        "relevo-broker init --data /var/lib/relevo --url wss://help.example.org:8443",
        "relevo-broker init --data /var/lib/relevo --url wss://ayuda.example.org:8443",
    ),
    "broker.serve": (
        "Run the broker until it is told to stop.",
        "Ejecutar el servidor hasta que se le pida parar.",
    ),
    "broker.serve.example": (
        "relevo-broker serve --data /var/lib/relevo --listen 0.0.0.0:8443",
        "relevo-broker serve --data /var/lib/relevo --listen 0.0.0.0:8443",
    ),
    "broker.check": (
        "Check configuration, store, log, repository, clock and disk; changes nothing.",
        "Comprobar configuración, almacén, registro, repositorio, reloj y disco; no cambia nada.",
    ),
    "broker.check.example": (
        "relevo-broker check --data /var/lib/relevo",
        "relevo-broker check --data /var/lib/relevo",
    ),
    "broker.backup": (
        "Write everything of a broker into one file, its private keys too; it may be running.",
        "Guardar todo el servidor en un archivo, también sus claves privadas; puede estar en marcha.",
    ),
    "broker.backup.example": (
        "relevo-broker backup --data /var/lib/relevo --to /backup/relevo.tar.gz",
        "relevo-broker backup --data /var/lib/relevo --to /copias/relevo.tar.gz",
    ),
    "broker.restore": (
        "Unpack a backup into an empty folder.",
        "Restaurar una copia de seguridad en una carpeta vacía.",
    ),
    "broker.restore.example": (
        "relevo-broker restore --data /var/lib/relevo --from /backup/relevo.tar.gz",
        "relevo-broker restore --data /var/lib/relevo --from /copias/relevo.tar.gz",
    ),
    "broker.migrate": (
        "Bring the database to this version's schema; make a backup first.",
        "Actualizar la base de datos al esquema de esta versión; haga antes una copia.",
    ),
    "broker.migrate.example": (
        "relevo-broker migrate --data /var/lib/relevo",
        "relevo-broker migrate --data /var/lib/relevo",
    ),
    "broker.option.data": ("Folder of this broker.", "Carpeta de este servidor."),
    "broker.option.url": (
        "How agents and technicians reach it: wss://HOST:PORT.",
        "Cómo llegan a él agentes y técnicos: wss://HOST:PUERTO.",
    ),
    "broker.option.tls-cert": (
        "Certificate (PEM) to show; without it a self-signed one is made and pinned.",
        "Certificado (PEM) que mostrar; sin él se crea uno autofirmado y se fija.",
    ),
    "broker.option.tls-key": (
        "Private key (PEM) of that certificate.",
        "Clave privada (PEM) de ese certificado.",
    ),
    "broker.option.listen": ("Address and port to listen on.", "Dirección y puerto en los que escuchar."),
    "broker.option.accept-clock": (
        "Once, when the clock is right although the log was written at later times: go by the clock.",
        "Una sola vez, si el reloj es correcto aunque el registro se escribiera con horas posteriores: guiarse por el reloj.",
    ),
    "broker.option.database": (
        "SQLAlchemy URL of the database; the default is a file in the folder.",
        "URL de SQLAlchemy de la base de datos; por defecto, un archivo en la carpeta.",
    ),
    "broker.option.to": ("File to write; must not exist.", "Archivo que escribir; no debe existir."),
    "broker.option.from": ("Backup to read.", "Copia de seguridad que leer."),
    "broker.made": ("A broker is ready in {data}.", "Hay un servidor listo en {data}."),
    "broker.certificate": ("Certificate (SHA-256): {sha256}", "Certificado (SHA-256): {sha256}"),
    "broker.next": (
        "Hand one of these two to whoever keeps the organisation's keys, and keep the second secret until then:",
        "Entregue una de estas dos líneas a quien guarda las claves de la organización, y hasta entonces guarde en secreto la segunda:",
    ),
    "broker.ok": ("ok", "bien"),
    "broker.bad": ("BAD", "MAL"),
    "broker.backed-up": ("Wrote {path} ({size} bytes).", "Escrito {path} ({size} bytes)."),
    "broker.backup-secret": (
        "It holds the broker's private keys: keep it as you would keep those.",
        "Contiene las claves privadas del servidor: guárdelo como guardaría esas claves.",
    ),
    "broker.restored": (
        "Restored into {data}. Clients that saw newer records will say that the log went back.",
        "Restaurado en {data}. Los clientes que vieron registros más nuevos dirán que el registro ha retrocedido.",
    ),
    "broker.migrated": ("Schema {before} -> {after}.", "Esquema {before} -> {after}."),
    "broker.none": ("none", "ninguno"),
}
