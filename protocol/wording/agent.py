"""Words of the `relevo-agent` command line: for the helped person, so without jargon."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "relevo-agent": (
        "Get help with this computer, and stay in charge: you see who asks for what, you allow or refuse it, and you can stop at any time.",
        "Reciba ayuda con este equipo sin perder el control: usted ve quién pide qué, lo permite o lo rechaza, y puede pararlo en cualquier momento.",
    ),
    "relevo-agent.example": (
        'relevo-agent ask "The printer does not print"\nrelevo-agent requests\nrelevo-agent stop',
        'relevo-agent ask "La impresora no imprime"\nrelevo-agent requests\nrelevo-agent stop',
    ),
    "option.data": (
        "Folder where the agent keeps its data (or RELEVO_AGENT_DATA).",
        "Carpeta donde el agente guarda sus datos (o RELEVO_AGENT_DATA).",
    ),
    "option.verbose": ("Tell more in the log.", "Contar más en el registro."),
    "option.helper-root": (
        "The organisation's root hash, from your administrator: needed the first time.",
        "La huella de la raíz de la organización, que le da su administrador: hace falta la primera vez.",
    ),
    "option.urgency": ("How urgent it is for you.", "Cómo de urgente es para usted."),
    "option.allow-scope": (
        "Allow only these, separated by commas.",
        "Permitir solo estas cosas, separadas por comas.",
    ),
    "option.allow-minutes": ("Allow it for this many minutes.", "Permitirlo durante estos minutos."),
    "option.stop-all": (
        "Also refuse what is being asked now.",
        "Rechazar también lo que se está pidiendo ahora.",
    ),
    "enrol": (
        "Connect this machine to the organisation that gave you the token file. Needed once.",
        "Conectar este equipo con la organización que le dio el archivo de alta. Se hace una vez.",
    ),
    "enrol.example": (
        "relevo-agent enrol token.json --data ~/relevo",
        "relevo-agent enrol token.json --data ~/relevo",
    ),
    "run": (
        "Run the agent: it waits for you to ask for help or for a technician to ask for your consent.",
        "Poner en marcha el agente: espera a que usted pida ayuda o a que un técnico le pida permiso.",
    ),
    "run.example": ("relevo-agent run --data ~/relevo", "relevo-agent run --data ~/relevo"),
    "running": (
        "The agent is running for {organisation}. Press Ctrl-C to stop it.",
        "El agente está en marcha para {organisation}. Pulse Ctrl-C para pararlo.",
    ),
    "status": (
        "Show whether the agent is connected and who is helping now.",
        "Mostrar si el agente está conectado y quién está ayudando ahora.",
    ),
    "status.example": ("relevo-agent status", "relevo-agent status"),
    "helper": (
        "Run the part that makes approved changes as administrator. It has no network and checks every signature again.",
        "Poner en marcha la parte que hace los cambios aprobados como administrador. No tiene red y vuelve a comprobar todas las firmas.",
    ),
    "helper.example": (
        "sudo relevo-agent helper --data DIR --root HASH",
        "sudo relevo-agent helper --data DIR --root HASH",
    ),
    "ask": (
        "Ask for help in your own words. At a terminal it first tries to help you itself; then it opens a ticket and prints its number.",
        "Pedir ayuda con sus propias palabras. En un terminal, primero busca con usted una solución; después abre un tique y muestra su número.",
    ),
    "ask.example": (
        'relevo-agent ask "The printer does not print" --urgency high\nrelevo-agent ask "The printer does not print" --direct',
        'relevo-agent ask "La impresora no imprime" --urgency high\nrelevo-agent ask "La impresora no imprime" --direct',
    ),
    "ask.done": (
        "Your request was sent. Nobody can look at this machine before you allow it: see `relevo-agent requests`.",
        "Su petición se ha enviado. Nadie puede mirar este equipo hasta que usted lo permita: consulte `relevo-agent requests`.",
    ),
    "option.direct": (
        "Ask a person at once, without looking for a solution first.",
        "Pedir ayuda a una persona enseguida, sin buscar antes una solución.",
    ),
    "option.diagnose": (
        "Without questions: may this computer look at itself?",
        "Sin preguntas: ¿puede examinarse este equipo a sí mismo?",
    ),
    "option.fix": (
        "Without questions: the repair to run, if it is for users, or `none`.",
        "Sin preguntas: la reparación que se hará, si es para usuarios, o `none`.",
    ),
    "option.param": (
        "Without questions: which of several repairs is meant, by what it is done to. May be repeated.",
        "Sin preguntas: cuál de varias reparaciones se quiere, según a qué se aplica. Se puede repetir.",
    ),
    "option.solved": (
        "Without questions: whether the problem is solved then.",
        "Sin preguntas: si el problema queda resuelto.",
    ),
    "option.guide": (
        "Without questions: the guide to follow, or `none`.",
        "Sin preguntas: la guía que se sigue, o `none`.",
    ),
    "option.answer": (
        "Without questions: the answer to a step of the guide. May be repeated.",
        "Sin preguntas: la respuesta a un paso de la guía. Se puede repetir.",
    ),
    "option.attach": (
        "Without questions: whether a person gets what was noticed and tried.",
        "Sin preguntas: si una persona recibe lo que se ha detectado y probado.",
    ),
    "tickets": ("Your tickets and the answers to them.", "Sus tiques y las respuestas."),
    "tickets.example": ("relevo-agent tickets", "relevo-agent tickets"),
    "tickets.none": ("You have no tickets.", "No tiene tiques."),
    "reply": ("Answer on one of your tickets.", "Responder en uno de sus tiques."),
    "reply.example": (
        'relevo-agent reply T-1 "It works now, thank you"',
        'relevo-agent reply T-1 "Ya funciona, gracias"',
    ),
    "solved": (
        "Say that a ticket is solved.",
        "Decir que un tique está resuelto.",
    ),
    "solved.example": (
        'relevo-agent solved T-1 "It was the cable"',
        'relevo-agent solved T-1 "Era el cable"',
    ),
    "reopen": (
        "Say that a solved ticket is not solved after all.",
        "Decir que un tique resuelto no lo está.",
    ),
    "reopen.example": (
        'relevo-agent reopen T-1 "It happens again"',
        'relevo-agent reopen T-1 "Vuelve a pasar"',
    ),
    "close": (
        "Close a solved ticket for good. Nobody can use it to reach this machine any more.",
        "Cerrar para siempre un tique resuelto. Nadie podrá usarlo ya para entrar en este equipo.",
    ),
    "close.example": ("relevo-agent close T-1", "relevo-agent close T-1"),
    "cancel": ("Withdraw a ticket.", "Retirar un tique."),
    "cancel.example": (
        'relevo-agent cancel T-1 "I no longer need it"',
        'relevo-agent cancel T-1 "Ya no lo necesito"',
    ),
    "decision.solved": (
        "{ticket} is solved. Thank you for saying so.",
        "{ticket} está resuelto. Gracias por decirlo.",
    ),
    "decision.reopen": (
        "{ticket} is open again; whoever helps you is told.",
        "{ticket} está abierto otra vez; se avisa a quien le ayuda.",
    ),
    "decision.close": ("{ticket} is closed.", "{ticket} está cerrado."),
    "decision.cancel": ("{ticket} is withdrawn.", "{ticket} queda retirado."),
    "rate": (
        "Say how the help was, from 1 (bad) to 5 (very good).",
        "Decir cómo ha sido la ayuda, de 1 (mala) a 5 (muy buena).",
    ),
    "rate.example": (
        'relevo-agent rate T-1 5 "Quick and kind"',
        'relevo-agent rate T-1 5 "Rápido y amable"',
    ),
    "rate.done": ("Thank you for rating {ticket}.", "Gracias por valorar {ticket}."),
    "tickets.merged": (
        "It is about the same as {ticket} and goes on there.",
        "Trata de lo mismo que {ticket} y se sigue allí.",
    ),
    "tickets.rate": (
        "How was it? relevo-agent rate {ticket} 1..5 [TEXT]",
        "¿Qué tal ha ido? relevo-agent rate {ticket} 1..5 [TEXTO]",
    ),
    "ask.similar": (
        "You have asked something like it before: {tickets}. If it is the same, withdraw one with `relevo-agent cancel`.",
        "Ya ha preguntado algo parecido: {tickets}. Si es lo mismo, retire uno con `relevo-agent cancel`.",
    ),
    "option.follow-up-of": (
        "A closed ticket that this is about again.",
        "Tique cerrado del que se trata otra vez.",
    ),
    "option.email": (
        "Also tell me of answers at this e-mail address.",
        "Avisarme también de las respuestas en esta dirección de correo.",
    ),
    "reply.done": ("Your answer was added to {ticket}.", "Su respuesta se ha añadido a {ticket}."),
    "requests": (
        "What somebody asks of you now, in plain words.",
        "Lo que alguien le pide ahora, con palabras sencillas.",
    ),
    "requests.example": ("relevo-agent requests", "relevo-agent requests"),
    "requests.none": ("Nobody is asking for anything.", "Nadie le está pidiendo nada."),
    "request.title": ("Request {id}", "Petición {id}"),
    "request.who": ("{technician} of {organisation} asks", "Lo pide {technician}, de {organisation}"),
    "request.invited": (
        "an outside expert, invited to look by {by}; cannot change anything",
        "persona experta de fuera, a quien invita {by} para mirar; no puede cambiar nada",
    ),
    "request.ticket": ("for ticket {ticket}: “{title}”", "para el tique {ticket}: «{title}»"),
    "request.reason": ("because: {reason}", "porque: {reason}"),
    "request.wants": ("to be allowed to:", "y quiere poder:"),
    "request.never": (
        "{scope}: also asked for, but this machine never allows it",
        "{scope}: también se pide, pero este equipo no lo permite nunca",
    ),
    "request.until": (
        "It ends at {ends} at the latest. You can stop it at any moment before.",
        "Termina, como muy tarde: {ends}. Usted puede pararlo antes, en cualquier momento.",
    ),
    "request.answer-by": (
        "Answer by {answer_by}; no answer means no.",
        "Hora límite para responder: {answer_by}. Si no responde, es que no.",
    ),
    "request.how": (
        "Say yes:         relevo-agent allow {id}\nSay no:          relevo-agent deny {id}\nStop it later:   relevo-agent stop",
        "Permitirlo:            relevo-agent allow {id}\nNegarse:               relevo-agent deny {id}\nPararlo más tarde:     relevo-agent stop",
    ),
    "request.less": (
        "Allow only part: relevo-agent allow {id} --scope {scope} --minutes 10",
        "Permitir solo parte:   relevo-agent allow {id} --scope {scope} --minutes 10",
    ),
    "allow": (
        "Allow a request, all of it or only a part, and for as long as you want.",
        "Permitir una petición, entera o solo una parte, y durante el tiempo que quiera.",
    ),
    "allow.example": (
        "relevo-agent allow 3f9a12c4 --scope diagnose,logs --minutes 15",
        "relevo-agent allow 3f9a12c4 --scope diagnose,logs --minutes 15",
    ),
    "allowed": (
        "Allowed. You can end it at any time with `relevo-agent stop`.",
        "Permitido. Puede terminarlo en cualquier momento con `relevo-agent stop`.",
    ),
    "deny": ("Refuse a request.", "Rechazar una petición."),
    "deny.example": ("relevo-agent deny 3f9a12c4", "relevo-agent deny 3f9a12c4"),
    "denied": ("Refused. The technician is told.", "Rechazado. Se avisa al técnico."),
    "stop": (
        "End every session at once. Works without the network too.",
        "Terminar todas las sesiones al instante. Funciona también sin red.",
    ),
    "stop.example": ("relevo-agent stop", "relevo-agent stop"),
    "stopped.unrecorded": (
        "The sessions were ended, but this machine could not write that down: {detail}",
        "Las sesiones terminaron, pero este equipo no pudo anotarlo: {detail}",
    ),
    "stopped": ("Sessions ended: {count}.", "Sesiones terminadas: {count}."),
    "receipts": (
        "Who saw, ran and changed what on this machine: the list, or one session's receipt.",
        "Quién ha visto, ejecutado y cambiado qué en este equipo: la lista, o el comprobante de una sesión.",
    ),
    "receipts.example": ("relevo-agent receipts 3f9a12c4", "relevo-agent receipts 3f9a12c4"),
    "receipts.none": (
        "Nobody has had a session on this machine.",
        "Nadie ha tenido una sesión en este equipo.",
    ),
    "receipts.never-opened": ("(not opened)", "(no se abrió)"),
    "consent": (
        "What this machine does when something is asked for: ask you, only tell you, or never allow it.",
        "Lo que hace este equipo cuando se pide algo: preguntarle, solo avisarle, o no permitirlo nunca.",
    ),
    "consent.example": (
        "relevo-agent consent set screenshot never",
        "relevo-agent consent set screenshot never",
    ),
    "consent.show": ("Show it for each capability.", "Mostrarlo para cada capacidad."),
    "consent.show.example": ("relevo-agent consent show", "relevo-agent consent show"),
    "consent.set": ("Change it for one capability.", "Cambiarlo para una capacidad."),
    "consent.set.example": (
        "relevo-agent consent set screenshot never",
        "relevo-agent consent set screenshot never",
    ),
    "consent.changed": ("From now on, {scope}: {floor}.", "A partir de ahora, {scope}: {floor}."),
    "trends": (
        "What this machine tells by itself, for early warning: every sample that is kept.",
        "Lo que este equipo comunica por sí solo, para avisar a tiempo: cada lectura que se guarda.",
    ),
    "trends.example": ("relevo-agent trends", "relevo-agent trends"),
    "trends.card": (
        "tell by itself, about once an hour, how full disks and memory are, how worn the battery is, which services crash and when certificates end",
        "comunicar por sí solo, más o menos cada hora, cuánto disco y memoria hay ocupados, el desgaste de la batería, qué servicios se caen y cuándo caducan los certificados",
    ),
    "trends.sent": (
        "Early warning is on: this machine tells technical figures by itself (see `relevo-agent trends`). Turn it off with `relevo-agent consent set trends never`.",
        "El aviso temprano está activado: este equipo comunica datos técnicos por sí solo (véalos con `relevo-agent trends`). Desactívelo con `relevo-agent consent set trends never`.",
    ),
    "trends.off": (
        "Early warning is off: this machine tells nothing by itself. Turn it on with `relevo-agent consent set trends notify`.",
        "El aviso temprano está desactivado: este equipo no comunica nada por sí solo. Actívelo con `relevo-agent consent set trends notify`.",
    ),
    "trends.attended": (
        "Early warning is not possible here: on this machine a person is asked for everything.",
        "El aviso temprano no es posible aquí: en este equipo se pregunta todo a una persona.",
    ),
    "trends.none-yet": (
        "Nothing was read yet: the first reading comes within a quarter of an hour while the agent runs.",
        "Todavía no hay lecturas: la primera llega en un cuarto de hora con el agente en marcha.",
    ),
    "trends.told": ("sent", "enviada"),
    "trends.waits": ("waits", "en espera"),
    "trends.kind.disk": ("disk", "disco"),
    "trends.kind.memory": ("memory", "memoria"),
    "trends.kind.battery": ("battery", "batería"),
    "trends.kind.crash": ("restarts", "reinicios"),
    "trends.kind.certificate": ("certificate", "certificado"),
    "floor.ask": ("you are asked", "se le pregunta"),
    "floor.notify": ("you are only told", "solo se le avisa"),
    "floor.never": ("never allowed", "no se permite nunca"),
    "enrolled": (
        "This machine can now ask {organisation} for help (machine {agent}). Start the agent with `relevo-agent run`.",
        "Este equipo ya puede pedir ayuda a {organisation} (equipo {agent}). Inicie el agente con `relevo-agent run`.",
    ),
    "status.member": (
        "Organisation: {organisation}. Machine: {agent}.",
        "Organización: {organisation}. Equipo: {agent}.",
    ),
    "status.stopped": ("The agent is not running.", "El agente no está en marcha."),
    "status.online": ("Connected since {since}.", "Conectado desde {since}."),
    "status.offline": (
        "Not connected since {since}; trying again.",
        "Sin conexión desde {since}; se sigue intentando.",
    ),
    "status.nobody": ("Nobody is connected to this machine.", "Nadie está conectado a este equipo."),
    "status.session": (
        "{technician} is helping with {ticket} until {until}: {scopes}. End it with `relevo-agent stop`.",
        "{technician} le está ayudando con {ticket} hasta {until}: {scopes}. Termínelo con `relevo-agent stop`.",
    ),
    "status.requests": (
        "Requests that wait for your answer: {count}. See `relevo-agent requests`.",
        "Peticiones que esperan su respuesta: {count}. Consulte `relevo-agent requests`.",
    ),
    "scope.diagnose": ("diagnosis", "diagnóstico"),
    "scope.logs": ("logs", "registros"),
    "scope.screenshot": ("pictures of the screen", "imágenes de la pantalla"),
    "scope.fix": ("approved fixes", "reparaciones aprobadas"),
    "scope.files": ("files in the exchange folder", "archivos de la carpeta de intercambio"),
    "scope.terminal": ("command line", "línea de comandos"),
    "scope.view": ("watching the screen", "ver la pantalla"),
    "scope.control": ("using mouse and keyboard", "usar el ratón y el teclado"),
    "scope.diagnose.card": (
        "look at the state of this computer (disk, memory, network, services), not at your documents",
        "mirar el estado de este equipo (disco, memoria, red, servicios), no sus documentos",
    ),
    "scope.logs.card": (
        "search this computer's technical logs; passwords and keys are removed before anything leaves",
        "buscar en los registros técnicos de este equipo; las contraseñas y claves se quitan antes de salir de él",
    ),
    "scope.screenshot.card": (
        "take pictures of your screen: close what nobody should see",
        "tomar imágenes de su pantalla: cierre lo que nadie deba ver",
    ),
    "scope.fix.card": (
        "run repairs that the organisation approved beforehand; each is checked, and undone where possible if it does not help",
        "ejecutar reparaciones que la organización aprobó antes; cada una se comprueba y, si no sirve, se deshace cuando es posible",
    ),
    "scope.files.card": (
        "read and write files in one exchange folder, nowhere else",
        "leer y escribir archivos en una sola carpeta de intercambio, en ningún otro sitio",
    ),
    "scope.terminal.card": (
        "use a command line on this computer",
        "usar una línea de comandos en este equipo",
    ),
    "scope.view.card": ("watch your screen while you work", "ver su pantalla mientras trabaja"),
    "scope.control.card": ("use your mouse and keyboard", "usar su ratón y su teclado"),
    "state.new": ("waiting for a technician", "en espera de un técnico"),
    "state.assigned": ("a technician has it", "lo tiene un técnico"),
    "state.in-progress": ("being worked on", "en curso"),
    "state.pending": ("waiting", "en espera"),
    "state.resolved": ("solved", "resuelto"),
    "state.closed": ("closed", "cerrado"),
    "state.cancelled": ("cancelled", "cancelado"),
}
