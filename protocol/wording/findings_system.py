"""What can be wrong with a machine itself, in words: ``protocol.findings_system``.

A finding has ``finding.<rule>`` (what is wrong) and ``finding.<rule>.do`` (what it means or what to do).
"""

from __future__ import annotations

SYSTEM: dict[str, tuple[str, str]] = {
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
