"""A small fix directory on disk."""

from __future__ import annotations

from pathlib import Path

_TOML = """
id = "{id}"
version = {version}
owner = "ops"
platforms = ["linux"]
risk = "{risk}"
reversible = "no"
run_as = "user"
timeout_s = 10

[title]
en = "Sample"
es = "Muestra"

[description]
en = "Does nothing."
es = "No hace nada."

[check]
run = ["step.py", "check"]

[plan]
run = ["step.py", "plan"]

[apply]
run = ["step.py", "apply"]
"""


def fix_directory(
    folder: Path, *, name: str = "sample", version: int = 1, risk: str = "low", body: str = "1\n"
) -> Path:
    """``folder/<id>-<version>-<risk>`` with a manifest and one payload file."""
    where = folder / f"{name}-{version}-{risk}"
    where.mkdir(parents=True, exist_ok=True)
    (where / "manifest.toml").write_text(_TOML.format(id=name, version=version, risk=risk))
    (where / "step.py").write_text(body)
    return where
