"""Words of `relevo screenshot`."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "screenshot": (
        "Take a picture of each monitor of the machine in an open session.",
        "Capturar cada pantalla del equipo en una sesión abierta.",
    ),
    "screenshot.example": ("relevo screenshot T-1 -o screen.png", "relevo screenshot T-1 -o pantalla.png"),
    "option.picture": (
        "Where to write the PNG; several monitors become FILE-1.png, FILE-2.png, …",
        "Dónde guardar el PNG; con varias pantallas, ARCHIVO-1.png, ARCHIVO-2.png…",
    ),
    "option.monitor": ("Only this monitor, 1 is the first.", "Solo esta pantalla; 1 es la primera."),
    "screenshot.waiting": ("waiting for the picture", "esperando la captura"),
    "screenshot.receiving": ("receiving the picture", "recibiendo la captura"),
    "screenshot.written": ("{path} ({width}x{height})", "{path} ({width}x{height})"),
    "screenshot.stored": (
        "Sealed on the ticket as {artifacts}.",
        "Sellada en el tique como {artifacts}.",
    ),
    "screenshot.png-only": ("the file's name must end in .png", "el nombre del archivo debe acabar en .png"),
}
