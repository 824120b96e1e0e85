"""Words of connectors: the commands, and what is written into the outside ticket system."""

from __future__ import annotations

from protocol.wording import Table

TABLE: Table = {
    "connector": (
        "Outside ticket systems: tickets on either side appear on the other.",
        "Sistemas de tiques externos: los tiques de un lado aparecen en el otro.",
    ),
    "connector.example": (
        "relevo-broker connector status --data /var/lib/relevo",
        "relevo-broker connector status --data /var/lib/relevo",
    ),
    "connector.add": (
        "Connect an outside ticket system, or change how it is connected; a running broker begins at once.",
        "Conectar un sistema de tiques externo, o cambiar su conexión; un servidor en marcha empieza enseguida.",
    ),
    "connector.add.example": (
        "relevo-broker connector add rt --data /var/lib/relevo --url https://rt.example.org --token-file "
        "rt.token --queue Support=acme",
        "relevo-broker connector add rt --data /var/lib/relevo --url https://rt.example.org --token-file "
        "rt.token --queue Soporte=acme",
    ),
    "connector.list": ("The connected systems.", "Los sistemas conectados."),
    "connector.list.example": (
        "relevo-broker connector list --data /var/lib/relevo",
        "relevo-broker connector list --data /var/lib/relevo",
    ),
    "connector.status": (
        "How far each system is followed, what waits, what went wrong.",
        "Hasta dónde se ha seguido cada sistema, qué espera y qué ha fallado.",
    ),
    "connector.status.example": (
        "relevo-broker connector status --data /var/lib/relevo",
        "relevo-broker connector status --data /var/lib/relevo",
    ),
    "connector.remove": (
        "Disconnect a system; tickets keep their outside numbers.",
        "Desconectar un sistema; los tiques conservan sus números externos.",
    ),
    "connector.remove.example": (
        "relevo-broker connector remove rt --data /var/lib/relevo",
        "relevo-broker connector remove rt --data /var/lib/relevo",
    ),
    "connector.test": (
        "Ask the system who we are there and whether the queues exist; changes nothing.",
        "Preguntar al sistema quiénes somos allí y si existen las colas; no cambia nada.",
    ),
    "connector.test.example": (
        "relevo-broker connector test rt --data /var/lib/relevo",
        "relevo-broker connector test rt --data /var/lib/relevo",
    ),
    "connector.option.name": (
        "A name of your own, where several systems of a kind are connected.",
        "Un nombre propio, si se conectan varios sistemas del mismo tipo.",
    ),
    "connector.option.url": ("Address of the system: https://HOST.", "Dirección del sistema: https://HOST."),
    "connector.option.token-file": (
        "File with the token of the user that Relevo is there; nobody else may read it.",
        "Archivo con el token del usuario que Relevo usa allí; nadie más debe poder leerlo.",
    ),
    "connector.option.queue": (
        "QUEUE=CUSTOMER: tickets of that queue are the customer's. The first one named for a customer takes "
        "the tickets from here. Can be given several times.",
        "COLA=CLIENTE: los tiques de esa cola son del cliente. La primera que se nombra para un cliente recibe "
        "los tiques de aquí. Se puede repetir.",
    ),
    "connector.option.poll": (
        "Seconds between two looks at the system.",
        "Segundos entre dos consultas al sistema.",
    ),
    "connector.option.notes": (
        "Pass internal notes on too, as far as R1 goes; both ways.",
        "Pasar también las notas internas, hasta R1; en ambos sentidos.",
    ),
    "connector.option.ca": (
        "Certificates (PEM) to trust instead of this machine's.",
        "Certificados (PEM) en los que confiar en lugar de los de este equipo.",
    ),
    "connector.saved": (
        "{name}: {url}, {queues}.",
        "{name}: {url}, {queues}.",
    ),
    "connector.removed": ("{name} is disconnected.", "{name} está desconectado."),
    "connector.none": (
        "No outside ticket system is connected.",
        "No hay ningún sistema de tiques conectado.",
    ),
    "connector.answers": (
        "{name}: {system} answers; we are {user} there; queues {queues}.",
        "{name}: {system} responde; allí somos {user}; colas {queues}.",
    ),
    "connector.fails": ("{name}: {code}: {detail}", "{name}: {code}: {detail}"),
    "connector.state.ok": ("working", "en marcha"),
    "connector.state.waiting": ("not begun", "sin empezar"),
    "connector.state.failing": (
        "failing since {since}: {error} ({detail}), {failures} attempts",
        "falla desde {since}: {error} ({detail}), {failures} intentos",
    ),
    "connector.line": (
        "{name}: {state}",
        "{name}: {state}",
    ),
    "connector.figures": (
        "  here: log entry {sent_cursor}, {behind} events behind; there: position {heard_cursor}, last heard {heard_at}",
        "  aquí: entrada {sent_cursor} del registro, {behind} eventos de retraso; allí: posición {heard_cursor}, "
        "última noticia {heard_at}",
    ),
    "connector.counts": (
        "  {links} tickets, {sent} passed on, {received} taken in, {kept} kept as they were, {parked} set aside",
        "  {links} tiques, {sent} enviados, {received} recibidos, {kept} sin cambios aquí, {parked} apartados",
    ),
    "connector.parked": (
        "  set aside: {ticket}: {code} ({detail}), {tries} attempts",
        "  apartado: {ticket}: {code} ({detail}), {tries} intentos",
    ),
    "connector.never": ("never", "nunca"),
    # What is written into tickets, here and there.
    "connector.text.opened": (
        "Opened in Relevo as {ticket}, priority P{priority}.",
        "Abierto en Relevo como {ticket}, prioridad P{priority}.",
    ),
    "connector.text.by": ("{who} (Relevo):", "{who} (Relevo):"),
    "connector.text.user": ("The user, by Relevo:", "El usuario, mediante Relevo:"),
    "connector.text.resolved": ("Resolved in Relevo:", "Resuelto en Relevo:"),
    "connector.text.cancelled": ("Cancelled in Relevo:", "Cancelado en Relevo:"),
    "connector.text.note": ("Internal note of {who} (Relevo):", "Nota interna de {who} (Relevo):"),
    "connector.text.came": (
        "Came from {external}. Requester: {people}",
        "Llegó de {external}. Solicitante: {people}",
    ),
    "connector.text.more": ("As it was written:", "Tal como se escribió:"),
    "connector.text.no-title": ("Ticket {external}", "Tique {external}"),
    "connector.text.solved": ("Resolved in {external} by {who}.", "Resuelto en {external} por {who}."),
    "connector.text.dropped": (
        "Set to {status} in {external} by {who}.",
        "Pasado a {status} en {external} por {who}.",
    ),
    "connector.text.waits": (
        "Waits in {external}, set by {who}.",
        "En espera en {external}, por {who}.",
    ),
    "connector.text.goes-on": (
        "Goes on in {external}, set by {who}.",
        "Sigue en {external}, por {who}.",
    ),
    "connector.text.evidence": (
        "What was done by Relevo on {ticket}, as its audit log shows it:",
        "Lo que se hizo con Relevo en {ticket}, según su registro de auditoría:",
    ),
    "connector.text.session": (
        "Session {session} by {technician}: {scopes}; ended {ended}, {why}",
        "Sesión {session} de {technician}: {scopes}; terminó {ended}, {why}",
    ),
    "connector.text.fix": ("Fix {fix}: {state}", "Reparación {fix}: {state}"),
    "connector.text.artifact": (
        "Result {kind} {artifact}, {clearance}, SHA-256 {sha256}",
        "Resultado {kind} {artifact}, {clearance}, SHA-256 {sha256}",
    ),
    "connector.text.log": (
        "Audit log: entry {index}; checkpoint of {size} entries, root {root}",
        "Registro de auditoría: entrada {index}; punto de control de {size} entradas, raíz {root}",
    ),
}
