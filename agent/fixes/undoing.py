"""What undoing a run would do, in the user's language."""

from __future__ import annotations

from agent.fixes import snapshot
from agent.fixes.runs import Run
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest
from protocol.wording import Words


def undo_text(run: Run, manifest: Manifest, words: Words) -> str:
    """The plan of an undo: the same text as long as nothing changes on the machine.

    Raises:
        RelevoError: ``not-applicable`` for a fix that cannot be undone.
    """
    if not manifest.undoable:
        raise RelevoError(Code.NOT_APPLICABLE, f"{run.fix} cannot be undone")
    lines = [words("undo.title", run=run.id, fix=run.fix, version=run.fix_version)]
    if manifest.undo is not None:
        lines.append(words("undo.step"))
    for file in run.saved:
        key = "undo.remove" if file.sha256 is None else "undo.restore"
        lines.append(words(key, path=file.path, size=file.size_bytes))
    now = {file.path: file.sha256 for file in snapshot.look(file.path for file in run.saved)}
    lines += [words("undo.changed", path=file.path) for file in run.after if now[file.path] != file.sha256]
    if manifest.reversible == "partly":
        lines.append(words("undo.partly"))
    return "\n".join(lines) + "\n"
