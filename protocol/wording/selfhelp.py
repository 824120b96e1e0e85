"""Words of self-service on the helped person's machine: plain, without jargon, in both languages."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "self.yes-no": ("[Y/n]", "[S/n]"),
    "self.no-yes": ("[y/N]", "[s/N]"),
    "self.yes-letters": ("y yes", "s si sí y yes"),
    "self.no-letters": ("n no", "n no"),
    "self.again": ("Please answer with one of the choices.", "Por favor, conteste con una de las opciones."),
    "self.choose": ("Your choice", "Su elección"),
    "self.yes": ("Yes", "Sí"),
    "self.no": ("No", "No"),
    "self.unsure": ("I do not know", "No lo sé"),
    "self.person": ("Ask a person now", "Pedir ayuda a una persona ahora"),
    "self.none": ("None of these", "Ninguna de estas"),
    "self.other": ("Something else", "Otra cosa"),
    "self.intro": (
        "Perhaps this can be solved at once, before a person has to look at it.",
        "Quizá se pueda resolver ahora mismo, sin esperar a una persona.",
    ),
    "self.look": ("May this computer look at itself?", "¿Permite que este equipo se examine a sí mismo?"),
    "self.reads": (
        "It reads: how full the disks and the memory are, which programs and services run, whether the network, "
        "the printers and the clock work, whether accounts are locked, which updates are missing, and which errors "
        "the logs counted in the last hour. It does not read your documents, your mail or your passwords.",
        "Lee: cuánto hay ocupado en los discos y la memoria, qué programas y servicios están en marcha, si funcionan la "
        "red, las impresoras y el reloj, si hay cuentas bloqueadas, qué actualizaciones faltan y qué errores "
        "recogen los registros de la última hora. No lee sus documentos, su correo ni sus contraseñas.",
    ),
    "self.stays": (
        "What it finds stays on this computer, unless you ask a person afterwards. Your organisation sees that "
        "you helped yourself, with what and how it ended.",
        "Lo que encuentre se queda en este equipo, salvo que después pida ayuda a una persona. Su organización ve "
        "que usted buscó una solución por su cuenta, con qué medios y cómo acabó.",
    ),
    "self.look.yes": ("Yes, look", "Sí, que se examine"),
    "self.look.no": ("No, but ask me some questions", "No, pero hágame unas preguntas"),
    "self.looking": ("Looking: {what}", "Examinando: {what}"),
    "self.found": ("This computer noticed:", "Este equipo ha detectado:"),
    "self.found.nothing": (
        "This computer noticed nothing that is out of order.",
        "Este equipo no ha detectado nada fuera de lo normal.",
    ),
    "self.found.more": ("… and {count} more.", "… y {count} más."),
    "self.not-compared": (
        "It could not be compared with the known problems now.",
        "Ahora no se ha podido comparar con los problemas conocidos.",
    ),
    "self.known": ("This is a known problem: {title}", "Es un problema conocido: {title}"),
    "self.workaround": ("Meanwhile: {text}", "Mientras tanto: {text}"),
    "self.fixes": ("You can try this yourself:", "Puede probar esto usted mismo:"),
    "self.not-now": ("Not now", "Ahora no"),
    "self.plan": ("This is what would happen:", "Esto es lo que se haría:"),
    "self.plan-undo": ("This is what taking it back would do:", "Esto es lo que se haría para deshacerlo:"),
    "self.reversible.yes": ("It can be taken back afterwards.", "Después se puede deshacer."),
    "self.reversible.partly": (
        "It can be taken back in part only.",
        "Después solo se puede deshacer en parte.",
    ),
    "self.reversible.no": ("It cannot be taken back.", "No se puede deshacer."),
    "self.check.absent": (
        "This computer does not have the problem that this repairs; nothing would be changed.",
        "Este equipo no tiene el problema que esto repara; no se cambiaría nada.",
    ),
    "self.do": ("Shall it be done?", "¿Quiere que se haga?"),
    "self.doing": ("Working: {what}", "Trabajando: {what}"),
    "self.doing.prechecked": ("looking at it once more", "comprobándolo otra vez"),
    "self.doing.planned": ("comparing with what was shown", "comparándolo con lo que se le mostró"),
    "self.doing.awaiting_consent": ("you said yes", "usted ha dicho que sí"),
    "self.doing.running": ("making the change", "haciendo el cambio"),
    "self.doing.verifying": ("checking that it helped", "comprobando que ha servido"),
    "self.doing.undoing": ("taking it back", "deshaciéndolo"),
    "self.done.succeeded": ("Done, and checked.", "Hecho y comprobado."),
    "self.done.no_op": (
        "There was nothing to repair; nothing was changed.",
        "No había nada que reparar; no se ha cambiado nada.",
    ),
    "self.done.undone": (
        "It was taken back; everything is as it was before.",
        "Se ha deshecho; todo está como antes.",
    ),
    "self.done.rolled-back": (
        "It did not help, so it was taken back; everything is as it was before.",
        "No ha servido, así que se ha deshecho; todo está como antes.",
    ),
    "self.done.failed": ("It did not work.", "No ha funcionado."),
    "self.done.undo_failed": (
        "It did not help, and taking it back did not work either. Please ask a person.",
        "No ha servido y tampoco se ha podido deshacer. Por favor, pida ayuda a una persona.",
    ),
    "self.done.other": ("It was not done.", "No se ha hecho."),
    "self.solved?": ("Is your problem solved?", "¿Se ha resuelto su problema?"),
    "self.undo?": ("Shall the change be taken back?", "¿Quiere deshacer el cambio?"),
    "self.about": ("What is it about?", "¿De qué se trata?"),
    "self.searching": (
        "Looking through your organisation's instructions for: {words}",
        "Buscando en las instrucciones de su organización: {words}",
    ),
    "self.articles": ("Which of these would you like to read?", "¿Cuál quiere leer?"),
    "self.articles.none": ("There are no instructions about it.", "No hay instrucciones sobre esto."),
    "self.article.cut": (
        "(The text goes on; ask a person for the rest.)",
        "(El texto sigue; pida el resto a una persona.)",
    ),
    "self.send": (
        "It is not solved yet. Shall a person look at it?",
        "Aún no está resuelto. ¿Quiere que lo mire una persona?",
    ),
    "self.send.all": (
        "Yes, with what this computer noticed and what was tried (names and secrets are taken out)",
        "Sí, con lo que ha detectado este equipo y lo que se ha probado (sin nombres ni secretos)",
    ),
    "self.send.words": ("Yes, but only with my own words", "Sí, pero solo con mis propias palabras"),
    "self.send.no": ("No, leave it", "No, déjelo"),
    "self.done-well": ("Good. No request was opened.", "Muy bien. No se ha abierto ninguna petición."),
    "self.left": ("Nothing was sent.", "No se ha enviado nada."),
    "self.attached": (
        "Added to {ticket}: what this computer noticed and what was tried ({count}).",
        "Añadido a {ticket}: lo que ha detectado este equipo y lo que se ha probado ({count}).",
    ),
    "self.trouble": ("(This could not be done: {why})", "(Esto no se ha podido hacer: {why})"),
    "self.interrupted": (
        "A change that had begun is finished or taken back by itself; nothing stays half done.",
        "Un cambio que hubiera empezado se termina o se deshace solo; nada queda a medias.",
    ),
}
