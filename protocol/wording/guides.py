"""Words of `relevo org guide`."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "org.guide": (
        "Guides of the self-service: questions and branches that users follow before a ticket.",
        "Guías del autoservicio: preguntas y caminos que sigue el usuario antes de abrir un tique.",
    ),
    "org.guide.example": (
        "relevo org guide lint protocol/guides",
        "relevo org guide lint protocol/guides",
    ),
    "org.guide.lint": (
        "Find what is wrong with guides: dead ends, steps that nothing leads to, missing languages.",
        "Buscar qué está mal en las guías: callejones sin salida, pasos inalcanzables, idiomas que faltan.",
    ),
    "org.guide.lint.example": (
        "relevo org guide lint protocol/guides\nrelevo org guide lint printer.toml --json",
        "relevo org guide lint protocol/guides\nrelevo org guide lint printer.toml --json",
    ),
    "org.guide.sound": (
        "version {version}, {steps} steps, nothing wrong",
        "versión {version}, {steps} pasos, nada que objetar",
    ),
}
