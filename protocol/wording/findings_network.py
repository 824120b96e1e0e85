"""What can be wrong with a network, logs, printing and the agent, in words: ``protocol.findings_network``.

A finding has ``finding.<rule>`` (what is wrong) and ``finding.<rule>.do`` (what it means or what to do).
"""

from __future__ import annotations

NETWORK: dict[str, tuple[str, str]] = {
    "finding.network-down": ("No network interface is up.", "Ninguna interfaz de red está activa."),
    "finding.network-down.do": (
        "Look at cable, Wi-Fi and driver.",
        "Mire el cable, la Wi-Fi y el controlador.",
    ),
    "finding.no-default-route": (
        "There is no way out: no default route.",
        "No hay salida: falta la ruta por defecto.",
    ),
    "finding.no-default-route.do": (
        "Renew the address or add the route.",
        "Renueve la dirección o añada la ruta.",
    ),
    "finding.no-carrier": ("Nothing is plugged into {interface}.", "No hay nada conectado a {interface}."),
    "finding.no-carrier.do": (
        "Check the cable and the other end.",
        "Compruebe el cable y el otro extremo.",
    ),
    "finding.link-errors": (
        "{interface} has counted {count} damaged packets.",
        "{interface} ha contado {count} paquetes dañados.",
    ),
    "finding.link-errors.do": ("Change the cable or the port.", "Cambie el cable o el puerto."),
    "finding.close-wait": (
        "{count} finished connections were never closed by a program here.",
        "Un programa de aquí no ha cerrado {count} conexiones terminadas.",
    ),
    "finding.close-wait.do": (
        "Restart the program that holds them.",
        "Reinicie el programa que las retiene.",
    ),
    "finding.tracking-full": (
        "The firewall's connection table is {used_percent} full.",
        "La tabla de conexiones del cortafuegos está al {used_percent}.",
    ),
    "finding.tracking-full.do": (
        "New connections will be dropped: find who opens so many.",
        "Se perderán conexiones nuevas: busque quién abre tantas.",
    ),
    "finding.no-resolver": ("No name server is configured.", "No hay ningún servidor DNS configurado."),
    "finding.no-resolver.do": (
        "Restore the last known good setting.",
        "Restaure la última configuración que funcionaba.",
    ),
    "finding.dns-dead": (
        "No name server answers ({servers}): {error}.",
        "Ningún servidor DNS responde ({servers}): {error}.",
    ),
    "finding.dns-dead.do": (
        "Names do not work at all: check the network, then the servers' addresses.",
        "Los nombres no funcionan: compruebe la red y luego las direcciones de los servidores.",
    ),
    "finding.dns-server-silent": (
        "Some name servers do not answer: {servers}.",
        "Algunos servidores DNS no responden: {servers}.",
    ),
    "finding.dns-server-silent.do": (
        "Every look-up that tries them first is slow: remove or repair them.",
        "Toda consulta que empiece por ellos será lenta: quítelos o repárelos.",
    ),
    "finding.name-unresolved": (
        "Names that this machine needs do not resolve: {names} ({error}).",
        "No se resuelven nombres que este equipo necesita: {names} ({error}).",
    ),
    "finding.name-unresolved.do": (
        "The servers answer, so look at the names or at filtering.",
        "Los servidores responden, así que mire los nombres o el filtrado.",
    ),
    "finding.dns-slow": (
        "A name server takes {answer_ms} to answer.",
        "Un servidor DNS tarda {answer_ms} en responder.",
    ),
    "finding.dns-slow.do": ("Use one that is nearer.", "Use uno más cercano."),
    "finding.hosts-override": (
        "The hosts file sends {name} to {address} (line {line}).",
        "El archivo hosts manda {name} a {address} (línea {line}).",
    ),
    "finding.hosts-override.do": (
        "This machine needs that name: comment the line out with the fix.",
        "Este equipo necesita ese nombre: comente la línea con la reparación.",
    ),
    "finding.hosts-entries": (
        "The hosts file decides {count} names by itself: {names}.",
        "El archivo hosts decide {count} nombres por su cuenta: {names}.",
    ),
    "finding.hosts-entries.do": (
        "Check that this is wanted.",
        "Compruebe que es lo que se quiere.",
    ),
    "finding.hosts-no-localhost": (
        "The hosts file does not know localhost.",
        "El archivo hosts no conoce localhost.",
    ),
    "finding.hosts-no-localhost.do": ("Restore the line.", "Restaure la línea."),
    "finding.hosts-invalid": (
        "The hosts file has lines that are none: {lines}.",
        "El archivo hosts tiene líneas que no valen: {lines}.",
    ),
    "finding.hosts-invalid.do": ("Correct or remove them.", "Corríjalas o quítelas."),
    "finding.hosts-duplicate": (
        "The hosts file gives several addresses to: {names}.",
        "El archivo hosts da varias direcciones a: {names}.",
    ),
    "finding.hosts-duplicate.do": (
        "Only the first counts for most programs.",
        "Para la mayoría de programas solo cuenta la primera.",
    ),
    "finding.gateway-silent": ("The default gateway does not answer.", "La puerta de enlace no responde."),
    "finding.gateway-silent.do": (
        "The router is off, or the machine is in the wrong network.",
        "El router está apagado o el equipo está en otra red.",
    ),
    "finding.broker-unreachable": (
        "A new connection to the broker fails: {error}.",
        "Una conexión nueva con el servidor falla: {error}.",
    ),
    "finding.broker-unreachable.do": (
        "Look for a firewall or a proxy between them.",
        "Busque un cortafuegos o un proxy entre ambos.",
    ),
    "finding.tls-intercepted": (
        "Somebody in between shows another certificate than the broker's.",
        "Alguien por el camino muestra otro certificado que el del servidor.",
    ),
    "finding.tls-intercepted.do": (
        "A filtering proxy, a captive portal or an attack: sessions stay protected, but tell the administrator.",
        "Un proxy que filtra, un portal cautivo o un ataque: las sesiones siguen protegidas, pero avise al administrador.",
    ),
    "finding.broker-certificate": (
        "The broker's certificate has {days_left} days left.",
        "Al certificado del servidor le quedan {days_left} días.",
    ),
    "finding.broker-certificate.do": (
        "Renew it and publish the new pin.",
        "Renuévelo y publique la nueva huella.",
    ),
    "finding.clock-wrong": ("The clock is wrong by {offset_s}.", "El reloj está mal por {offset_s}."),
    "finding.clock-wrong.do": (
        "Certificates and logins fail with it: let the time service set it.",
        "Con él fallan certificados e inicios de sesión: deje que el servicio de hora lo ponga.",
    ),
    "finding.clock-unsynchronised": (
        "{daemon} runs but has not set the clock yet.",
        "{daemon} está en marcha pero aún no ha puesto el reloj.",
    ),
    "finding.clock-unsynchronised.do": (
        "Check that it reaches its servers.",
        "Compruebe que llega a sus servidores.",
    ),
    "finding.clock-unkept": ("Nothing here keeps the clock right.", "Nada mantiene aquí el reloj en hora."),
    "finding.clock-unkept.do": (
        "In a container or a virtual machine the host may do it.",
        "En un contenedor o una máquina virtual puede hacerlo el anfitrión.",
    ),
    "finding.rtc-wrong": (
        "The hardware clock is off by {offset_s}.",
        "El reloj de hardware se desvía {offset_s}.",
    ),
    "finding.rtc-wrong.do": (
        "Its battery may be empty.",
        "Puede que su pila esté gastada.",
    ),
    "finding.authorities-broken": (
        "The list of trusted authorities is missing or cannot be read.",
        "Falta la lista de autoridades de confianza o no se puede leer.",
    ),
    "finding.authorities-broken.do": (
        "No secure connection works: rebuild it (update-ca-certificates).",
        "No funciona ninguna conexión segura: rehágala (update-ca-certificates).",
    ),
    "finding.certificate-expired": (
        "The certificate {path} expired {days} days ago.",
        "El certificado {path} caducó hace {days} días.",
    ),
    "finding.certificate-expired.do": (
        "Renew it and reload its service.",
        "Renuévelo y recargue su servicio.",
    ),
    "finding.certificate-expiring": (
        "The certificate {path} expires in {days} days.",
        "El certificado {path} caduca en {days} días.",
    ),
    "finding.certificate-expiring.do": (
        "Check that its renewal works.",
        "Compruebe que su renovación funciona.",
    ),
    "finding.logs-critical": (
        "{count} critical messages in the last hour: {message}",
        "{count} mensajes críticos en la última hora: {message}",
    ),
    "finding.logs-critical.do": ("Read them: relevo logs.", "Léalos: relevo logs."),
    "finding.logs-errors": (
        "{count} errors in the logs in the last hour, most from: {sources}.",
        "{count} errores en los registros en la última hora, sobre todo de: {sources}.",
    ),
    "finding.logs-errors.do": ("Read them: relevo logs.", "Léalos: relevo logs."),
    "finding.log-repeats": (
        "{source} repeated {count} times in an hour: {message}",
        "{source} ha repetido {count} veces en una hora: {message}",
    ),
    "finding.log-repeats.do": ("Search for it: relevo logs --grep.", "Búsquelo: relevo logs --grep."),
    "finding.printing-stopped": (
        "The print scheduler does not run.",
        "El servicio de impresión no está en marcha.",
    ),
    "finding.printing-stopped.do": (
        "Start it if this machine prints.",
        "Arránquelo si este equipo imprime.",
    ),
    "finding.queue-disabled": ("The printer {queue} is stopped.", "La impresora {queue} está parada."),
    "finding.queue-disabled.do": (
        "Enable it once its fault is gone.",
        "Actívela cuando su fallo esté resuelto.",
    ),
    "finding.queue-rejecting": (
        "The printer {queue} takes no jobs.",
        "La impresora {queue} no admite trabajos.",
    ),
    "finding.queue-rejecting.do": ("Let it accept again.", "Permita que los admita otra vez."),
    "finding.jobs-waiting": ("{count} print jobs wait.", "Hay {count} trabajos de impresión en espera."),
    "finding.jobs-waiting.do": (
        "Look at the first one: it often blocks the rest.",
        "Mire el primero: suele bloquear al resto.",
    ),
    "finding.agent-dead": (
        "The agent's main process has ended.",
        "El proceso principal del agente ha terminado.",
    ),
    "finding.agent-dead.do": ("Start it again.", "Arránquelo otra vez."),
    "finding.journal-behind": (
        "{count} journal entries have not reached the broker.",
        "{count} anotaciones del diario no han llegado al servidor.",
    ),
    "finding.journal-behind.do": (
        "They are safe on the machine; check the link.",
        "Están a salvo en el equipo; compruebe el enlace.",
    ),
    "finding.agent-disk": (
        "Only {available_bytes} are left where the agent writes its journal.",
        "Solo quedan {available_bytes} donde el agente escribe su diario.",
    ),
    "finding.agent-disk.do": (
        "What cannot be recorded is not done: free space first.",
        "Lo que no se puede anotar no se hace: libere espacio primero.",
    ),
    "finding.not-looked": (
        "This could not be looked at: {status} ({reason}).",
        "Esto no se ha podido mirar: {status} ({reason}).",
    ),
    "finding.not-looked.do": (
        "Unknown is not healthy: try again.",
        "Desconocido no es sano: inténtelo otra vez.",
    ),
    "finding.not-understood": (
        "The machine answers in a form that this program does not know (version {version}).",
        "El equipo responde de una forma que este programa no conoce (versión {version}).",
    ),
    "finding.not-understood.do": ("Update both sides.", "Actualice ambos lados."),
}
