"""Words of `relevo diagnose` and of its report: collectors, states, reasons and findings.

A finding has ``finding.<rule>`` (what is wrong) and ``finding.<rule>.do`` (what it means or what to do).
"""

from __future__ import annotations

from protocol.wording.diagnosis_facts import FACTS

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

_SYSTEM: dict[str, tuple[str, str]] = {
    "finding.disk-full": (
        "{mount_point} is {used_percent} full; {available_bytes} are left.",
        "{mount_point} está al {used_percent}; quedan {available_bytes}.",
    ),
    "finding.disk-full.do": (
        "Clean caches and old logs, or make it larger.",
        "Limpie cachés y registros antiguos, o amplíelo.",
    ),
    "finding.inodes-full": (
        "{mount_point} has used {used_percent} of its inodes: no new files although there is space.",
        "{mount_point} ha gastado el {used_percent} de sus inodos: no caben archivos nuevos aunque haya espacio.",
    ),
    "finding.inodes-full.do": (
        "Look for a folder with very many small files, such as sessions or mail.",
        "Busque una carpeta con muchísimos archivos pequeños, como sesiones o correo.",
    ),
    "finding.disk-read-only": (
        "{mount_point} is read-only but should not be.",
        "{mount_point} está en solo lectura y no debería.",
    ),
    "finding.disk-read-only.do": (
        "The kernel does this after errors on the drive: look at its log before remounting.",
        "El núcleo lo hace tras errores del disco: mire su registro antes de remontar.",
    ),
    "finding.disk-silent": ("{mount_point} does not answer.", "{mount_point} no responde."),
    "finding.disk-silent.do": (
        "Its server or the way to it is gone; programs that touch it hang.",
        "Su servidor o el camino hasta él no está; los programas que lo tocan se cuelgan.",
    ),
    "finding.mount-missing": (
        "{device} should be mounted at {mount_point} and is not.",
        "{device} debería estar montado en {mount_point} y no lo está.",
    ),
    "finding.mount-missing.do": ("Mount it and look at why it failed.", "Móntelo y mire por qué falló."),
    "finding.memory-low": (
        "Only {available_bytes} of {total_bytes} memory are available.",
        "Solo quedan {available_bytes} de {total_bytes} de memoria.",
    ),
    "finding.memory-low.do": (
        "See which process holds most and restart it.",
        "Mire qué proceso ocupa más y reinícielo.",
    ),
    "finding.swap-full": (
        "Swap is {used_percent} used and programs wait for memory {pressure_percent} of the time.",
        "El intercambio está al {used_percent} y los programas esperan memoria el {pressure_percent} del tiempo.",
    ),
    "finding.swap-full.do": (
        "Close or restart what is largest, or add memory.",
        "Cierre o reinicie lo más grande, o añada memoria.",
    ),
    "finding.oom-kills": (
        "The kernel has killed {count} processes for want of memory since the start.",
        "El núcleo ha matado {count} procesos por falta de memoria desde el arranque.",
    ),
    "finding.oom-kills.do": (
        "Find out which and why; a service may be missing since then.",
        "Averigüe cuáles y por qué; puede faltar un servicio desde entonces.",
    ),
    "finding.memory-faulty": (
        "The memory has faults: {corrupted_bytes} were taken out of use.",
        "La memoria tiene fallos: se han retirado {corrupted_bytes}.",
    ),
    "finding.memory-faulty.do": ("Replace the module.", "Cambie el módulo."),
    "finding.load-high": (
        "The machine is overloaded: load {load_5m} on {cpu_count} processors.",
        "El equipo está sobrecargado: carga {load_5m} con {cpu_count} procesadores.",
    ),
    "finding.load-high.do": ("See the processes that use most.", "Mire los procesos que más usan."),
    "finding.cpu-stolen": (
        "The host takes {steal_percent} of this virtual machine's processor time.",
        "El anfitrión quita el {steal_percent} del procesador a esta máquina virtual.",
    ),
    "finding.cpu-stolen.do": (
        "The cause is outside this machine: move it or free its host.",
        "La causa está fuera de este equipo: muévalo o descargue su anfitrión.",
    ),
    "finding.storage-slow": (
        "Everything waits for storage {pressure_percent} of the time.",
        "Todo espera al almacenamiento el {pressure_percent} del tiempo.",
    ),
    "finding.storage-slow.do": (
        "Look at who reads or writes, and at the drive's health.",
        "Mire quién lee o escribe y la salud del disco.",
    ),
    "finding.drive-slow": (
        "Drive {drive} is {busy_percent} busy and takes {wait_ms} an operation.",
        "El disco {drive} está ocupado al {busy_percent} y tarda {wait_ms} por operación.",
    ),
    "finding.drive-slow.do": (
        "It may be failing, or something reads or writes without end.",
        "Puede estar fallando, o algo lee o escribe sin parar.",
    ),
    "finding.zombies": (
        "{count} ended processes were not collected by: {parents}.",
        "{count} procesos terminados no han sido recogidos por: {parents}.",
    ),
    "finding.zombies.do": ("Restart the parent.", "Reinicie el proceso padre."),
    "finding.processes-stuck": (
        "{count} processes wait for a device and cannot be ended: {names}.",
        "{count} procesos esperan a un dispositivo y no se pueden terminar: {names}.",
    ),
    "finding.processes-stuck.do": (
        "A drive or a network share does not answer.",
        "Un disco o un recurso de red no responde.",
    ),
    "finding.process-busy": (
        "{name} (process {pid}) uses {cpu_percent} of a processor, and has run for long.",
        "{name} (proceso {pid}) usa el {cpu_percent} de un procesador y lleva mucho en marcha.",
    ),
    "finding.process-busy.do": (
        "Ask the user whether it should; else end it.",
        "Pregunte a la persona si es normal; si no, termínelo.",
    ),
    "finding.files-open": (
        "{name} (process {pid}) has opened {used_percent} of the files it may.",
        "{name} (proceso {pid}) ha abierto el {used_percent} de los archivos que puede.",
    ),
    "finding.files-open.do": (
        "Restart it; raise its limit if this is its normal use.",
        "Reinícielo; suba su límite si es su uso normal.",
    ),
    "finding.files-open-all": (
        "The machine has opened {used_percent} of the files it may.",
        "El equipo ha abierto el {used_percent} de los archivos que puede.",
    ),
    "finding.files-open-all.do": ("Find the process that leaks.", "Busque el proceso que los pierde."),
    "finding.deleted-held": (
        "Deleted files still take {held_bytes}, held open by: {names}.",
        "Archivos borrados siguen ocupando {held_bytes}, abiertos por: {names}.",
    ),
    "finding.deleted-held.do": (
        "Restart those programs to get the space back.",
        "Reinicie esos programas para recuperar el espacio.",
    ),
    "finding.service-failed": (
        "{count} services failed: {names}.",
        "{count} servicios han fallado: {names}.",
    ),
    "finding.service-failed.do": (
        "Look at the service's log before starting it again.",
        "Mire el registro del servicio antes de arrancarlo otra vez.",
    ),
    "finding.service-stopped": (
        "{count} services that start with the machine do not run: {names}.",
        "{count} servicios que arrancan con el equipo no están en marcha: {names}.",
    ),
    "finding.service-stopped.do": (
        "Start the one that is needed. In a container this is often normal.",
        "Arranque el que haga falta. En un contenedor suele ser normal.",
    ),
    "finding.packages-broken": (
        "An installation was interrupted; {count} packages are half installed: {names}.",
        "Una instalación quedó a medias; {count} paquetes están medio instalados: {names}.",
    ),
    "finding.packages-broken.do": ("Finish it (dpkg --configure -a).", "Termínela (dpkg --configure -a)."),
    "finding.dependencies-unmet": (
        "Installed packages miss others that they need.",
        "A paquetes instalados les faltan otros que necesitan.",
    ),
    "finding.dependencies-unmet.do": (
        "Repair them (apt-get -f install).",
        "Repárelos (apt-get -f install).",
    ),
    "finding.updates-security": (
        "{count} security updates wait to be installed.",
        "Hay {count} actualizaciones de seguridad por instalar.",
    ),
    "finding.updates-security.do": (
        "Install them in the customer's window.",
        "Instálelas en el horario acordado con el cliente.",
    ),
    "finding.reboot-required": (
        "Updates wait for a restart (packages: {packages}).",
        "Hay actualizaciones que esperan un reinicio (paquetes: {packages}).",
    ),
    "finding.reboot-required.do": (
        "Agree a time for it with the user.",
        "Acuerde cuándo con la persona.",
    ),
    "finding.lists-old": (
        "It has not looked for updates for {age_days} days.",
        "Hace {age_days} días que no busca actualizaciones.",
    ),
    "finding.lists-old.do": ("Look at why it does not.", "Mire por qué no lo hace."),
    "finding.logins-closed": ("Nobody but root may log in now.", "Ahora solo root puede entrar."),
    "finding.logins-closed.do": (
        "A file nologin is there: the machine is shutting down, or somebody closed it.",
        "Existe un archivo nologin: el equipo se apaga o alguien lo cerró.",
    ),
    "finding.account-locked": ("The account {user} is locked.", "La cuenta {user} está bloqueada."),
    "finding.account-locked.do": (
        "Unlock it only after checking who asks.",
        "Desbloquéela solo tras comprobar quién lo pide.",
    ),
    "finding.account-expired": (
        "The account {user} expired {days} days ago.",
        "La cuenta {user} caducó hace {days} días.",
    ),
    "finding.account-expired.do": (
        "Extend it if the person still belongs there.",
        "Prorróguela si la persona sigue ahí.",
    ),
    "finding.password-expired": (
        "The password of {user} expired {days} days ago.",
        "La contraseña de {user} caducó hace {days} días.",
    ),
    "finding.password-expired.do": ("The person must set a new one.", "La persona debe poner otra."),
    "finding.home-missing": (
        "The home folder of {user} is not there.",
        "La carpeta personal de {user} no existe.",
    ),
    "finding.home-missing.do": (
        "Its disk may not be mounted.",
        "Puede que su disco no esté montado.",
    ),
    "finding.home-foreign": (
        "The home folder of {user} belongs to somebody else.",
        "La carpeta personal de {user} es de otra cuenta.",
    ),
    "finding.home-foreign.do": ("Correct its owner.", "Corrija su dueño."),
    "finding.shell-missing": (
        "The login program of {user} is not installed.",
        "El programa de inicio de sesión de {user} no está instalado.",
    ),
    "finding.shell-missing.do": ("Install or change it.", "Instálelo o cámbielo."),
    "finding.lock-stale": (
        "{path} is left over: the process {pid} that made it is gone.",
        "{path} ha quedado suelto: el proceso {pid} que lo hizo ya no existe.",
    ),
    "finding.lock-stale.do": (
        "Remove it with the fix for stale locks.",
        "Quítelo con la reparación de bloqueos sueltos.",
    ),
}

_NETWORK: dict[str, tuple[str, str]] = {
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

TABLE: dict[str, tuple[str, str]] = {
    **_COMMAND,
    **_REPORT,
    **_COLLECTORS,
    **_REASONS,
    **_SYSTEM,
    **_NETWORK,
    **FACTS,
}
