"""Words of `relevo audit`: commands and verdicts."""

from __future__ import annotations

from protocol.wording import audit_facts
from protocol.wording.audit_actions import ACTIONS

TABLE: dict[str, tuple[str, str]] = {
    "audit": (
        "The audit log: verify it without trusting the broker, read it, take it along.",
        "El registro de auditoría: verificarlo sin fiarse del servidor, leerlo, llevárselo.",
    ),
    "audit.example": (
        "relevo audit verify --ticket T-1",
        "relevo audit verify --ticket T-1",
    ),
    "audit.verify": (
        "Verify the whole log, or an exported file, with this client's own keys and memory.",
        "Verificar todo el registro, o un archivo exportado, con las claves y la memoria de este cliente.",
    ),
    "audit.verify.example": ("relevo audit verify", "relevo audit verify"),
    "audit.show": (
        "What happened on a ticket, in plain words, each entry checked.",
        "Qué pasó en un tique, en palabras sencillas, con cada entrada comprobada.",
    ),
    "audit.show.example": ("relevo audit show T-1", "relevo audit show T-1"),
    "audit.export": (
        "Write a ticket's entries with their proofs to one file that can be checked offline.",
        "Guardar las entradas de un tique con sus pruebas en un archivo que se comprueba sin red.",
    ),
    "audit.export.example": (
        "relevo audit export T-1 -o t1.json",
        "relevo audit export T-1 -o t1.json",
    ),
    "option.audit-ticket": (
        "Also count this ticket's entries.",
        "Contar también las entradas de este tique.",
    ),
    "option.audit-file": (
        "Check this exported file instead of the broker's log; needs no network.",
        "Comprobar este archivo exportado en vez del registro del servidor; no necesita red.",
    ),
    "option.audit-output": ("File to write.", "Archivo que se escribirá."),
    "audit.reading": ("reading the log", "leyendo el registro"),
    "audit.offline": (
        "The broker cannot be reached; the roster of the last verification is used.",
        "No se puede contactar con el servidor; se usa la lista de personas de la última verificación.",
    ),
    "audit.ok": (
        "The log verifies: {size} entries, root {root}.",
        "El registro se verifica: {size} entradas, raíz {root}.",
    ),
    "audit.ok.file": (
        "The file verifies: {entries} entries of a log of {size}, root {root}.",
        "El archivo se verifica: {entries} entradas de un registro de {size}, raíz {root}.",
    ),
    "audit.bad": (
        "The log does not verify. First bad entry: {index}. {fault}",
        "El registro no se verifica. Primera entrada incorrecta: {index}. {fault}",
    ),
    "audit.reason": ("Detail: {reason}", "Detalle: {reason}"),
    "audit.counts": (
        "Checked: journal entries {journal_entries}, machines {agents}, grants {grants}, consents {consents}, enrolments {enrolments}.",
        "Comprobado: entradas de diario {journal_entries}, equipos {agents}, permisos de sesión {grants}, consentimientos {consents}, altas de equipos {enrolments}.",
    ),
    "audit.of-ticket": ("Entries of {ticket}: {count}.", "Entradas de {ticket}: {count}."),
    "audit.exported": ("{count} entries written to {file}.", "{count} entradas guardadas en {file}."),
    "audit.index": ("entry", "entrada"),
    "audit.time": ("time", "hora"),
    "audit.standing": ("proof", "prueba"),
    "audit.what": ("what happened", "qué pasó"),
    "audit.none": ("The log has no entries of this ticket.", "El registro no tiene entradas de este tique."),
    "audit.erased": (
        "[Erased. Its place in the log is proven.]",
        "[Borrada. Su lugar en el registro está probado.]",
    ),
    "audit.unreadable": ("[Not readable.]", "[No se puede leer.]"),
    "audit.standing.proven": ("proven", "probada"),
    "audit.standing.new": ("new", "nueva"),
    "audit.standing.bad": ("BAD", "MALA"),
    # Who.
    "audit.actor.agent": ("the machine {id}", "el equipo {id}"),
    "audit.actor.user": ("the user of {id}", "el usuario de {id}"),
    "audit.actor.broker": ("the broker", "el servidor"),
    "audit.actor.connector": ("the connector {id}", "el conector {id}"),
    "audit.actor.unknown": ("somebody who claims to be {id}", "alguien que dice ser {id}"),
    # What cannot be right.
    "audit.fault.truncated": (
        "The broker signed more entries than it serves.",
        "El servidor firmó más entradas de las que entrega.",
    ),
    "audit.fault.not-contiguous": (
        "Another entry stands in its place: one is missing, repeated or moved.",
        "En su lugar hay otra entrada: falta una, está repetida o se ha movido.",
    ),
    "audit.fault.malformed": ("It is no entry at all.", "No es una entrada."),
    "audit.fault.record-changed": (
        "Its text was changed after it was written.",
        "Su texto se cambió después de escribirse.",
    ),
    "audit.fault.leaf-changed": (
        "It is not the entry that this client verified before.",
        "No es la entrada que este cliente verificó antes.",
    ),
    "audit.fault.root-mismatch": (
        "The entries are not those that the broker signed.",
        "Las entradas no son las que firmó el servidor.",
    ),
    "audit.fault.fork": (
        "The broker shows another history than the one it signed before.",
        "El servidor muestra una historia distinta de la que firmó antes.",
    ),
    "audit.fault.shrunk": (
        "The log is shorter than it was.",
        "El registro es más corto que antes.",
    ),
    "audit.fault.back-dated": (
        "It is dated before the entries that stand in front of it.",
        "Tiene una fecha anterior a la de las entradas que la preceden.",
    ),
    "audit.fault.future-dated": ("It is dated in the future.", "Tiene una fecha futura."),
    "audit.fault.unproven": (
        "The signed document that would prove it is missing.",
        "Falta el documento firmado que la probaría.",
    ),
    "audit.fault.evidence-mismatch": (
        "Its signed document says something else.",
        "Su documento firmado dice otra cosa.",
    ),
    "audit.fault.journal-signature": (
        "The machine did not sign this.",
        "El equipo no firmó esto.",
    ),
    "audit.fault.journal-gap": (
        "Entries of the machine's journal are missing before it.",
        "Antes de ella faltan entradas del diario del equipo.",
    ),
    "audit.fault.journal-repeated": (
        "An entry of the machine's journal is repeated.",
        "Se repite una entrada del diario del equipo.",
    ),
    "audit.fault.journal-chain": (
        "It does not follow the machine's previous entry.",
        "No sigue a la entrada anterior del equipo.",
    ),
    "audit.fault.grant-signature": (
        "The session's grant was not signed by the technician and the broker's issuer.",
        "El permiso de la sesión no está firmado por el técnico y el emisor del servidor.",
    ),
    "audit.fault.grant-repeated": (
        "The session's grant was used before.",
        "El permiso de la sesión ya se había usado.",
    ),
    "audit.fault.consent-signature": (
        "The consent was not signed by that machine.",
        "El consentimiento no está firmado por ese equipo.",
    ),
    "audit.fault.consent-without-grant": (
        "The consent belongs to no grant in front of it.",
        "El consentimiento no corresponde a ningún permiso anterior.",
    ),
    "audit.fault.consent-too-wide": (
        "The consent gives more than was asked for.",
        "El consentimiento da más de lo que se pidió.",
    ),
    "audit.fault.consent-late": (
        "The consent was given too late.",
        "El consentimiento se dio demasiado tarde.",
    ),
    "audit.fault.session-without-consent": (
        "The user had not consented to this session.",
        "El usuario no había consentido esta sesión.",
    ),
    "audit.fault.token-signature": (
        "The machine's enrolment token was not signed by an administrator, or had expired.",
        "El archivo de alta del equipo no está firmado por un administrador, o había caducado.",
    ),
    "audit.fault.token-reused": (
        "The enrolment token was used before.",
        "El archivo de alta ya se había usado.",
    ),
    "audit.fault.document-signature": (
        "A signed document in it does not verify.",
        "Un documento firmado que contiene no se verifica.",
    ),
    "audit.fault.proof-mismatch": (
        "It is not in the signed tree at this place.",
        "No está en este lugar del árbol firmado.",
    ),
    # What an auditor should know.
    "audit.notice.erased": (
        "{count} records were erased; their places are proven. The first is entry {first}.",
        "Se han borrado {count} textos; sus lugares están probados. El primero es la entrada {first}.",
    ),
    "audit.notice.gap-by-erasure": (
        "{count} gaps in machines' journals fall on erased records.",
        "{count} huecos en los diarios de los equipos caen en textos borrados.",
    ),
    "audit.notice.unknown-evidence": (
        "{count} signed documents are of a kind that this version does not know.",
        "{count} documentos firmados son de un tipo que esta versión no conoce.",
    ),
    "audit.notice.cache-damaged": (
        "This client's own list of entries was damaged; it was made anew.",
        "La lista de entradas de este cliente estaba dañada; se ha rehecho.",
    ),
    "audit.notice.first-sight": (
        "This client saw the log for the first time: earlier history has only the broker's word.",
        "Este cliente ve el registro por primera vez: de lo anterior solo responde el servidor.",
    ),
    "audit.notice.hashes-only": (
        "You may read some tickets' entries only: the others were checked by their hashes.",
        "Solo puede leer las entradas de algunos tiques: las demás se comprobaron por sus resúmenes.",
    ),
    "audit.notice.unattributed": (
        "{count} acts of machines name a session that is not theirs.",
        "{count} actos de equipos nombran una sesión que no es suya.",
    ),
    "audit.notice.maybe-incomplete": (
        "A file shows what it holds; whether more was written only the whole log shows.",
        "Un archivo prueba lo que contiene; si se escribió más, solo lo muestra el registro completo.",
    ),
    **ACTIONS,
    **audit_facts.TABLE,
}
