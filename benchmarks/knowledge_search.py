"""Full-text search over 1,000, 10,000 and 100,000 published articles in two languages, by several readers.

There is no peer; the goal is ours (issue 3). ``python -m benchmarks.knowledge_search`` also draws the growth.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, insert

from benchmarks.lab import Lab
from benchmarks.measure import Row, quantile, spread
from broker.knowledge.search import find
from broker.knowledge.searcher import SEARCHER
from broker.store import schema
from broker.store.databases import make_engine
from broker.store.knowledge_tables import article_versions, articles
from protocol.knowledge import ORDER, ArticleText, Body, Kind, Visibility
from protocol.wire import to_json
from technician.reports.plot import Chart, Line, decades, nice_axis, svg

COUNTS = (1_000, 10_000, 100_000)
N = 120
LIMIT = 10
SEED = 20_261_122
WORDS = {
    "en": [
        "printer",
        "queue",
        "spooler",
        "driver",
        "network",
        "cable",
        "mail",
        "server",
        "password",
        "account",
        "disk",
        "full",
        "memory",
        "slow",
        "update",
        "restart",
        "screen",
        "sound",
        "login",
        "browser",
        "certificate",
        "proxy",
        "firewall",
        "battery",
        "backup",
        "permission",
        "folder",
        "share",
    ],
    "es": [
        "impresora",
        "cola",
        "servicio",
        "controlador",
        "red",
        "cable",
        "correo",
        "servidor",
        "contraseña",
        "cuenta",
        "disco",
        "lleno",
        "memoria",
        "lento",
        "actualización",
        "reiniciar",
        "pantalla",
        "sonido",
        "sesión",
        "navegador",
        "certificado",
        "proxy",
        "cortafuegos",
        "batería",
        "copia",
    ],
}
RARE = 20_000
"""So many further words appear in a few articles each, as names of programs and error codes do."""
_AT_ONCE = 2_000


def body(language: str, chance: random.Random) -> Body:
    words = WORDS[language]
    rare = [f"err{chance.randrange(RARE)}" for _ in range(4)]
    return Body(
        title=" ".join(chance.choices(words, k=5)),
        symptoms=" ".join([*chance.choices(words, k=15), rare[0]]),
        body=" ".join([*chance.choices(words, k=70), *rare[1:]]),
    )


def fill(conn: Connection, count: int) -> None:
    chance, now = random.Random(SEED), datetime.now(UTC)
    for first in range(1, count + 1, _AT_ONCE):
        made, versions, texts = [], [], []
        for number in range(first, min(first + _AT_ONCE, count + 1)):
            visibility = chance.choice(ORDER)
            text = ArticleText(
                kind=Kind.TROUBLESHOOTING, visibility=visibility, en=body("en", chance), es=body("es", chance)
            )
            made.append(
                {
                    "number": number, "state": "published", "version": 1, "text_version": 1,
                    "rank": ORDER.index(visibility), "live_version": 1, "live_rank": ORDER.index(visibility),
                    "owner": "ana", "created": now, "updated": now,
                }
            )  # fmt: skip
            versions.append(
                {"article": number, "version": 1, "by": "ana", "at": now, "content": to_json(text)}
            )
            texts.append((number, text.bodies()))
        conn.execute(insert(articles), made)
        conn.execute(insert(article_versions), versions)
        for number, bodies in texts:
            SEARCHER.put(conn, number, bodies)


def measured(folder: Path, count: int) -> list[float]:
    """Seconds of ``N`` searches of one to three words; every fourth for a rare one."""
    url = f"sqlite:///{folder / f'articles-{count}.db'}"
    schema.upgrade(url)
    engine, chance, spent = make_engine(url, writer=True), random.Random(SEED + 1), []
    try:
        with engine.begin() as conn:
            fill(conn, count)
        with engine.begin() as conn:
            for turn in range(N + 5):
                language = chance.choice(("en", "es"))
                words = chance.choices(WORDS[language], k=chance.randrange(1, 4))
                if turn % 4 == 0:
                    words.append(f"err{chance.randrange(RARE)}")
                ceiling = chance.choice((Visibility.PUBLIC, Visibility.L1, Visibility.L3))
                began = time.perf_counter()
                find(conn, " ".join(words), language, ceiling, LIMIT)
                spent.append(time.perf_counter() - began)
        return spent[5:]
    finally:
        engine.dispose()


def measure(lab: Lab) -> list[Row]:
    rows = []
    for count in COUNTS:
        found = measured(lab.folder, count)
        p95 = quantile(found, 0.95)
        note = (
            f"1 to 4 words, both languages, 3 readers, {LIMIT} hits; p50 {quantile(found, 0.5) * 1e3:.1f} ms"
        )
        rows.append(
            Row(f"search in {count:,} articles", p95 * 1e3, None, "-", "ms", N, spread(found), "<= 300 ms", p95 <= 0.3, note)
        )  # fmt: skip
    return rows


def main() -> int:
    points: dict[str, list[tuple[float, float | None]]] = {"p50": [], "p95": []}
    with tempfile.TemporaryDirectory(prefix="relevo-bench-") as folder:
        for count in COUNTS:
            found = measured(Path(folder), count)
            for name, share in (("p50", 0.5), ("p95", 0.95)):
                points[name].append((count, quantile(found, share) * 1e3))
                print(f"{count:>8} articles  {name} {points[name][-1][1]:8.1f} ms", flush=True)
    chart = Chart(
        title="Search in the knowledge base",
        description="; ".join(f"{name}: {line}" for name, line in points.items()),
        x=decades("published articles", COUNTS[0], COUNTS[-1]),
        y=nice_axis("ms", max(value or 0.0 for line in points.values() for _, value in line)),
        lines=[Line(name, line) for name, line in points.items()],
    )
    out = Path(__file__).parent / "plots" / "knowledge-search.svg"
    out.write_text(svg(chart))
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
