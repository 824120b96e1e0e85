"""Words of known errors: the catalogue, why a signature matched, what technicians say of a match."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "org.known-error": (
        "Known errors: by what they are recognised and what helps.",
        "Errores conocidos: en qué se reconocen y qué los soluciona.",
    ),
    "org.known-error.example": ("relevo org known-error list", "relevo org known-error list"),
    "org.known-error.add": (
        "Try a known error on its bundles and stage it.",
        "Probar un error conocido con sus diagnósticos y prepararlo.",
    ),
    "org.known-error.add.example": (
        "relevo org known-error add known-errors/stale-lock",
        "relevo org known-error add known-errors/stale-lock",
    ),
    "org.known-error.added": (
        "Known error {id}, version {version}, is staged.",
        "El error conocido {id}, versión {version}, está preparado.",
    ),
    "org.known-error.retire": ("Publish it no longer.", "Dejar de publicarlo."),
    "org.known-error.retire.example": (
        "relevo org known-error retire stale-lock",
        "relevo org known-error retire stale-lock",
    ),
    "org.known-error.retired": (
        "Known error {id} will be published no longer.",
        "El error conocido {id} dejará de publicarse.",
    ),
    "org.known-error.list": (
        "List known errors and where each stands.",
        "Listar los errores conocidos y el estado de cada uno.",
    ),
    "org.known-error.list.example": (
        "relevo org known-error list --json",
        "relevo org known-error list --json",
    ),
    "org.known-error.titles": (
        "Known error|Version|Visible to|Fixes|State|Title",
        "Error conocido|Versión|Visible para|Reparaciones|Estado|Título",
    ),
    "org.known-error.none": ("No known error yet.", "Todavía no hay errores conocidos."),
    "org.known-error.state.staged": ("staged", "preparado"),
    "org.known-error.state.published": ("published", "publicado"),
    "org.known-error.test": (
        "Show what the signature says of each bundle of a directory, and why.",
        "Mostrar qué dice la firma de cada diagnóstico de una carpeta, y por qué.",
    ),
    "org.known-error.test.example": (
        "relevo org known-error test known-errors/stale-lock",
        "relevo org known-error test known-errors/stale-lock",
    ),
    "org.known-error.passed": ("right", "bien "),
    "org.known-error.failed": ("WRONG", "MAL  "),
    # Why.
    "match.match": ("matches", "coincide"),
    "match.no_match": ("does not match", "no coincide"),
    "match.unknown": ("cannot be told", "no se puede saber"),
    "match.seen": ("{where}: {seen}", "{where}: {seen}"),
    "match.evidence": ("{where}: {seen} ({op} {wanted})", "{where}: {seen} ({op} {wanted})"),
    "match.rows": ("{where}: rows that fit: {seen}", "{where}: filas que encajan: {seen}"),
    "match.records": ("{where}: {seen} messages of {wanted}", "{where}: {seen} mensajes de {wanted}"),
    "match.missing": ("{what}: {why}", "{what}: {why}"),
    "match.more": ("and {count} more", "y {count} más"),
    "match.op.eq": ("wanted:", "se busca:"),
    "match.op.ne": ("wanted: not", "se busca: no"),
    "match.op.lt": ("less than", "menor que"),
    "match.op.lte": ("at most", "como mucho"),
    "match.op.gt": ("more than", "mayor que"),
    "match.op.gte": ("at least", "al menos"),
    "match.op.in": ("one of", "uno de"),
    "match.op.contains": ("contains", "contiene"),
    "match.op.startswith": ("begins with", "empieza por"),
    "match.op.endswith": ("ends with", "termina en"),
    "match.op.re": ("has the form", "tiene la forma"),
    "match.op.cidr": ("lies in", "está en"),
    "match.op.exists": ("known:", "se sabe:"),
    "match.op.product": ("wanted:", "se busca:"),
    "match.why.absent": ("was not collected", "no se recogió"),
    "match.why.failed": ("could not be collected", "no se pudo recoger"),
    "match.why.timeout": ("took too long to collect", "tardó demasiado en recogerse"),
    "match.why.denied": ("may not be read on that machine", "no se puede leer en ese equipo"),
    "match.why.skipped": ("was left out of the diagnosis", "quedó fuera del diagnóstico"),
    "match.why.not_applicable": ("does not exist on that machine", "no existe en ese equipo"),
    "match.why.no_value": ("the machine gave no value", "el equipo no dio ningún valor"),
    "match.why.hidden": (
        "hidden from this clearance; a technician of more clearance can tell",
        "oculto para este nivel de acceso; puede verlo un técnico con más acceso",
    ),
    "match.why.not_comparable": (
        "is not what this signature expects",
        "no es lo que esta firma espera",
    ),
    "match.why.left_out": ("only a part was collected", "solo se recogió una parte"),
    "match.why.too_old": ("the diagnosis is too old", "el diagnóstico es demasiado antiguo"),
    "match.why.too_much": ("too large to look through", "demasiado grande para examinarlo"),
    "match.fill_in": (
        "Fill in {names}: hidden from this clearance, or not in the diagnosis.",
        "Complete {names}: oculto para este nivel de acceso, o ausente del diagnóstico.",
    ),
    "match.title": ("Known errors", "Errores conocidos"),
    "match.cause": ("Cause: {text}", "Causa: {text}"),
    "match.workaround": ("Meanwhile: {text}", "Mientras tanto: {text}"),
    "match.permanent": ("For good: {text}", "Definitivamente: {text}"),
    "match.article": ("More in the article {article}.", "Más en el artículo {article}."),
    "match.feedback.confirmed": (
        "{by} confirmed it.",
        "{by} lo confirmó.",
    ),
    "match.feedback.wrong": ("{by} says it is wrong.", "{by} dice que es un error."),
    "match.in_review": (
        "This signature was wrong too often and is being reviewed.",
        "Esta firma se equivocó demasiadas veces y está en revisión.",
    ),
    "match.unsaid": (
        "{count} known errors do not match; {unknown} cannot be told.",
        "{count} errores conocidos no coinciden; de {unknown} no se puede saber.",
    ),
    # relevo kb matches | confirm | wrong
    "kb.matches": (
        "Known errors that a ticket's diagnoses show, why, and the fix to plan.",
        "Errores conocidos que muestran los diagnósticos de un tique, por qué y qué reparación planear.",
    ),
    "kb.matches.example": ("relevo kb matches T-12", "relevo kb matches T-12"),
    "kb.matches.all": (
        "Also what does not match and what cannot be told.",
        "También lo que no coincide y lo que no se puede saber.",
    ),
    "kb.matches.none": (
        "No known error in the diagnoses of this ticket.",
        "Ningún error conocido en los diagnósticos de este tique.",
    ),
    "kb.confirm": ("Say that a match is right.", "Decir que una coincidencia es correcta."),
    "kb.confirm.example": ("relevo kb confirm T-12 stale-lock", "relevo kb confirm T-12 stale-lock"),
    "kb.confirmed": ("Noted: {id} is right for {ticket}.", "Anotado: {id} es correcto en {ticket}."),
    "kb.wrong": ("Say that a match is wrong.", "Decir que una coincidencia es errónea."),
    "kb.wrong.example": ("relevo kb wrong T-12 stale-lock", "relevo kb wrong T-12 stale-lock"),
    "kb.wronged": ("Noted: {id} is wrong for {ticket}.", "Anotado: {id} es erróneo en {ticket}."),
    "kb.now_in_review": (
        "It was wrong too often: {id} goes back to review and is suggested no longer.",
        "Se equivocó demasiadas veces: {id} vuelve a revisión y deja de proponerse.",
    ),
    "kb.signatures": (
        "How good the signatures of known errors are.",
        "Hasta qué punto aciertan las firmas de los errores conocidos.",
    ),
    "kb.signatures.example": ("relevo kb signatures", "relevo kb signatures"),
    "kb.signatures.titles": (
        "Known error|Version|State|Compared|Tickets|Cannot be told|Right (judged)",
        "Error conocido|Versión|Estado|Comparados|Tiques|No se sabe|Correctos (juzgados)",
    ),
    "kb.signatures.coverage": (
        "A known error was recognised on {matched} of {compared} tickets with a diagnosis.",
        "Se reconoció un error conocido en {matched} de {compared} tiques con diagnóstico.",
    ),
    "kb.signature.published": ("published", "publicada"),
    "kb.signature.past": ("past", "anterior"),
    "kb.signature.in_review": ("in review", "en revisión"),
    "diagnose.not-matched": (
        "The known errors could not be compared: {why}",
        "No se pudieron comparar los errores conocidos: {why}",
    ),
}
