"""Words of `relevo org calendar` and `relevo org target`."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "org.calendar": (
        "Business hours and holidays, by which promised times are counted.",
        "Horarios laborales y festivos, con los que se cuentan los plazos.",
    ),
    "org.calendar.example": (
        'relevo org calendar set office --zone Europe/Madrid --hours "mon-fri 09:00-17:00"',
        'relevo org calendar set oficina --zone Europe/Madrid --hours "mon-fri 09:00-17:00"',
    ),
    "org.calendar.set": (
        "Make a calendar, or change its zone and hours; holidays stay.",
        "Crear un calendario, o cambiar su zona y su horario; los festivos se conservan.",
    ),
    "org.calendar.set.example": (
        'relevo org calendar set office --zone Europe/Madrid --hours "mon-thu 09:00-18:00" --hours "fri 08:00-15:00"',
        'relevo org calendar set oficina --zone Europe/Madrid --hours "mon-thu 09:00-18:00" --hours "fri 08:00-15:00"',
    ),
    "org.calendar.zone": ("IANA time zone.", "Zona horaria IANA."),
    "org.calendar.hours": (
        'Days (mon tue wed thu fri sat sun) and hours, "mon-fri 09:00-17:00"; up to 24:00; may be given several times.',
        'Días (mon tue wed thu fri sat sun) y horas, "mon-fri 09:00-17:00"; hasta 24:00; se puede repetir.',
    ),
    "org.calendar.staged": (
        "Calendar {id} ({zone}) is in the draft.",
        "El calendario {id} ({zone}) está en el borrador.",
    ),
    "org.calendar.holidays": (
        "Add the public holidays of a country or region as dates.",
        "Añadir los festivos oficiales de un país o una región como fechas.",
    ),
    "org.calendar.holidays.example": (
        "relevo org calendar holidays office --country ES --subdivision MD --years 2026-2027",
        "relevo org calendar holidays oficina --country ES --subdivision MD --years 2026-2027",
    ),
    "org.calendar.country": ("ISO 3166 code of the country: ES, DE …", "Código ISO 3166 del país: ES, MX …"),
    "org.calendar.subdivision": (
        "Code of the region within it: MD, BE …",
        "Código de la región dentro del país: MD, CT …",
    ),
    "org.calendar.years": ("One year, or first-last.", "Un año, o primero-último."),
    "org.calendar.holiday_titles": ("Date|Holiday", "Fecha|Festivo"),
    "org.calendar.no_holidays": ("No holidays in those years.", "No hay festivos en esos años."),
    "org.calendar.use": (
        "Say whose hours a calendar holds.",
        "Decir de quién es el horario de un calendario.",
    ),
    "org.calendar.use.example": (
        "relevo org calendar use office --customer acme --staff",
        "relevo org calendar use oficina --customer acme --staff",
    ),
    "org.calendar.customer": (
        "Its promised times count by this calendar; * is every customer not listed.",
        "Sus plazos se cuentan con este calendario; * es todo cliente que no figure.",
    ),
    "org.calendar.staff": (
        "Technicians get notices within these hours.",
        "El personal técnico recibe los avisos dentro de este horario.",
    ),
    "org.calendar.used": (
        "Calendar {id} is in use in the draft.",
        "El calendario {id} ya se usa en el borrador.",
    ),
    "org.calendar.remove": ("Remove a calendar that nobody uses.", "Quitar un calendario que nadie usa."),
    "org.calendar.remove.example": (
        "relevo org calendar remove office",
        "relevo org calendar remove oficina",
    ),
    "org.calendar.removed": (
        "Calendar {id} is no longer in the draft.",
        "El calendario {id} ya no está en el borrador.",
    ),
    "org.calendar.list": ("The calendars of the draft.", "Los calendarios del borrador."),
    "org.calendar.list.example": ("relevo org calendar list", "relevo org calendar list"),
    "org.calendar.titles": (
        "Calendar|Zone|Hours|Holidays|Exceptions",
        "Calendario|Zona|Horario|Festivos|Excepciones",
    ),
    "org.calendar.none": ("No calendars.", "No hay calendarios."),
    "org.target": (
        "Say what a customer is promised for a priority; CUSTOMER * is everybody not listed.",
        "Decir qué plazos tiene un cliente para una prioridad; CUSTOMER * es todo cliente que no figure.",
    ),
    "org.target.example": (
        "relevo org target acme --priority 1 --first-response 15m --resolution 4h --ola 1=30m",
        "relevo org target acme --priority 1 --first-response 15m --resolution 4h --ola 1=30m",
    ),
    "org.target.priority": ("1 critical … 5 planning.", "De 1, crítica, a 5, planificada."),
    "org.target.first-response": (
        "Business time until the first reply by a person: 30m, 4h.",
        "Tiempo laboral hasta la primera respuesta de una persona: 30m, 4h.",
    ),
    "org.target.next-response": (
        "Business time until each later message is answered.",
        "Tiempo laboral hasta responder a cada mensaje posterior.",
    ),
    "org.target.resolution": ("Business time until it is resolved.", "Tiempo laboral hasta que se resuelve."),
    "org.target.ola": (
        "Business time that a tier may hold it, 1=30m; may be given several times.",
        "Tiempo laboral que puede tenerlo un nivel, 1=30m; se puede repetir.",
    ),
    "org.target.staged": (
        "The times of {customer} for P{priority} are in the draft.",
        "Los plazos de {customer} para P{priority} están en el borrador.",
    ),
}
