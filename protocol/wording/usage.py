"""What a command line says of wrong arguments, and the frame of its help pages."""

from __future__ import annotations

from protocol.wording import Table

TABLE: Table = {
    "usage.no-command": ("there is no command {name}", "no existe la orden {name}"),
    "usage.no-option": ("there is no option {name}", "no existe la opción {name}"),
    "usage.perhaps": ("{fault}; perhaps {names}", "{fault}; quizá {names}"),
    "usage.missing": ("{name} is missing", "falta {name}"),
    "usage.missing-command": ("a command is missing", "falta la orden"),
    "usage.choices": ("{name} takes one of: {choices}", "{name} admite uno de estos valores: {choices}"),
    "usage.range": (
        "{name} takes a whole number from {low} to {high}",
        "{name} admite un número entero de {low} a {high}",
    ),
    "usage.number": ("{name} takes a number", "{name} admite un número"),
    "usage.value": ("{name} does not take that value", "{name} no admite ese valor"),
    "usage.no-value": ("{name} needs a value", "{name} necesita un valor"),
    "usage.extra": ("not understood: {rest}", "sobra: {rest}"),
    "usage.text": (
        "the command line holds text that is not UTF-8",
        "la orden contiene texto que no es UTF-8",
    ),
    "help.usage": ("Usage: ", "Uso: "),
    "help.options": ("Options", "Opciones"),
    "help.commands": ("Commands", "Órdenes"),
    "help.required": ("required", "obligatorio"),
    "help.default": ("default: {value}", "por omisión: {value}"),
}
