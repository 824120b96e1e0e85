"""Fixes: the signed manifest, and the hashes that a fix request names.

An administrator writes ``manifest.toml``; ``parse_manifest`` checks it and adds the payload's hashes;
the JSON of the result is the TUF target ``fixes/<risk>/<id>/<version>.json``. Agent and helper read only
that JSON, and only after TUF verified it. Pure: bytes and values in, values out.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from protocol.assist import Parameter
from protocol.errors import Code, RelevoError
from protocol.fix_params import NUMERIC, Bilingual, Param, canonical, is_plain_path, require_sound
from protocol.layout import MAX_FIX_FILES, MAX_PAYLOAD_FILE
from protocol.scopes import Risk, Tier
from protocol.wire import Line, Name, Sha256, Size, Wire, from_json, to_json

SCHEMA = 1
MAX_MANIFEST = 256 << 10
BUILTINS = frozenset({"service.status", "service.plan", "service.start", "service.stop"})
"""Steps that the agent itself carries out; each reads its parameters by their declared names."""
SETTING_BUILTINS = frozenset({"service.status"})
SELF_SERVICE_RISKS = frozenset({Risk.READ_ONLY, Risk.LOW})

ToolName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$(?!\n)")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,50}$(?!\n)")]
Argument = Annotated[str, Meta(min_length=1, max_length=400, pattern=r"^[^\x00\r\n]+$(?!\n)")]


class PayloadFile(Wire, frozen=True):
    name: FileName
    sha256: Sha256
    size_bytes: Size


class Step(Wire, frozen=True):
    """One act: an argv list or a built-in, never a shell string.

    ``run[0]`` is a payload file ending in ``.py`` (run by the agent's own Python, isolated) or one of
    ``requires_tools``; an item ``{name}`` is replaced, whole, by that parameter's value. Every step gets
    ``{"params": {…}, "state": FOLDER or null, "language": "en" or "es"}`` as JSON on stdin.
    """

    run: Annotated[tuple[Argument, ...], Meta(max_length=32)] = ()
    builtin: Annotated[str, Meta(max_length=40)] = ""


class Verify(Wire, frozen=True):
    """``check`` again, ``settle_s`` after the apply, up to ``retries`` more times at that distance."""

    settle_s: Annotated[float, Meta(ge=0, le=300)] = 0.0
    retries: Annotated[int, Meta(ge=0, le=20)] = 0


class Snapshot(Wire, frozen=True):
    """Saved before ``apply`` and put back by an undo."""

    files: Annotated[tuple[Argument, ...], Meta(max_length=32)] = ()
    """Absolute paths, or ``{name}`` of a path parameter."""
    settings: Annotated[tuple[Argument, ...], Meta(max_length=8)] = ()
    """Built-ins whose answer is noted before the apply."""


class Approval(Wire, frozen=True):
    min_tier: Tier = 1
    approvers: Annotated[int, Meta(ge=0, le=4)] = 0
    approver_tier: Tier = 2
    consent: Literal["none", "notify", "ask"] = "ask"
    """``ask``: the user is asked about this run itself, beyond the session's consent."""
    window: (
        Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)")]
        | None
    ) = None
    """Local time of the machine in which it may run, ``22:00-06:00``; None: always."""


class Manifest(Wire, frozen=True, kw_only=True):
    """Everything that is signed about one version of a fix."""

    schema: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)] = SCHEMA
    id: Name
    version: Annotated[int, Meta(ge=1, le=999_999)]
    title: Bilingual
    description: Bilingual
    owner: Line
    knowledge: Annotated[tuple[Name, ...], Meta(max_length=32)] = ()
    platforms: Annotated[tuple[Literal["linux", "macos", "windows"], ...], Meta(min_length=1, max_length=3)]
    requires_tools: Annotated[tuple[ToolName, ...], Meta(max_length=32)] = ()
    risk: Risk
    reboot: bool = False
    reversible: Literal["yes", "partly", "no"]
    interrupts_user: bool = False
    run_as: Literal["user", "root"]
    timeout_s: Annotated[float, Meta(ge=1, le=3_600)]
    """For each step."""
    output_limit_bytes: Annotated[int, Meta(ge=1_024, le=1 << 20)] = 65_536
    network: Literal["none", "loopback"] | Annotated[tuple[Line, ...], Meta(min_length=1, max_length=32)] = (
        "none"
    )
    """``none`` and ``loopback`` are enforced by an own network namespace. A list runs in the machine's
    network: it tells approver and user what is reached (``*`` anything), and is not a filter."""
    params: Annotated[tuple[Param, ...], Meta(max_length=32)] = ()
    precheck: Step | None = None
    """Exit 0: this fix can work here; anything else: not applicable."""
    check: Step
    """Exit 0 fault present, 1 absent, 2 (or anything else) unknown."""
    plan: Step
    """Prints what would change and changes nothing; the same text as long as nothing changed."""
    apply: Step
    verify: Verify = Verify()
    snapshot: Snapshot = Snapshot()
    undo: Step | None = None
    undo_verify: Step | None = None
    """Exit 0: undone. Where it is missing, the restored files are compared with what was saved."""
    approval: Approval = Approval()
    self_service: bool = False
    """Users may run it on their own machine without a technician (docs/adr/0018). This mark, in what the
    organisation signed, is the whole authority for that."""
    payload: Annotated[tuple[PayloadFile, ...], Meta(max_length=MAX_FIX_FILES)] = ()

    def file(self, name: str) -> PayloadFile:
        """Raises RelevoError: ``not-found``."""
        for file in self.payload:
            if file.name == name:
                return file
        raise RelevoError(Code.NOT_FOUND, f"{self.id}/{self.version} has no payload {name}")

    @property
    def approvers_needed(self) -> int:
        """High and destructive fixes want at least one other person, whatever the manifest says."""
        return max(self.approval.approvers, int(self.risk in (Risk.HIGH, Risk.DESTRUCTIVE)))

    @property
    def asks_user(self) -> bool:
        return self.approval.consent == "ask"

    @property
    def undoable(self) -> bool:
        return self.reversible != "no"


def parse_manifest(toml: bytes, payload: Mapping[str, bytes]) -> Manifest:
    """The manifest that ``manifest.toml`` and its payload files make.

    Args:
        toml: the file as the fix's author wrote it; it never names hashes.
        payload: file name to content, everything beside ``manifest.toml`` that is to be shipped.

    Raises:
        RelevoError: ``usage`` naming the field that is missing, unknown or wrong.
    """
    try:
        source: dict[str, Any] = tomllib.loads(toml.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RelevoError(Code.USAGE, f"manifest.toml: {error}") from error
    if "payload" in source:
        raise RelevoError(Code.USAGE, "payload: is made from the files, not written in manifest.toml")
    if len(payload) > MAX_FIX_FILES:
        raise RelevoError(Code.USAGE, f"payload: more than {MAX_FIX_FILES} files")
    source["payload"] = [_payload_entry(name, payload[name]) for name in sorted(payload)]
    try:
        manifest = msgspec.convert(source, Manifest, strict=True)
    except msgspec.ValidationError as error:
        raise RelevoError(Code.USAGE, f"manifest.toml: {error}") from error
    _require_coherent(manifest)
    return manifest


def manifest_json(manifest: Manifest) -> bytes:
    """The bytes that are signed. Always the same for the same manifest."""
    return to_json(manifest)


def read_manifest(json: bytes) -> Manifest:
    """A signed manifest, checked as strictly as when it was made.

    Raises:
        RelevoError: ``malformed``, ``too-large``; ``usage`` for one that contradicts itself.
    """
    if len(json) > MAX_MANIFEST:
        raise RelevoError(Code.TOO_LARGE, f"manifest of {len(json)} bytes")
    manifest = from_json(json, Manifest)
    _require_coherent(manifest)
    return manifest


def validate_params(manifest: Manifest, given: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """All parameters of the fix in canonical form, ordered by name.

    Raises:
        RelevoError: ``parameter-invalid``.
    """
    return canonical(manifest.params, given)


def params_sha256(params: Iterable[Parameter]) -> str:
    """Hash of parameters that ``validate_params`` gave."""
    return hashlib.sha256(to_json(tuple(params))).hexdigest()


class _PlanSubject(Wire, frozen=True):
    fix_sha256: Sha256
    params_sha256: Sha256
    mode: Literal["apply", "undo"]
    subject: str
    plan: str


def plan_sha256(
    *, fix_sha256: str, params: str, mode: Literal["apply", "undo"], plan: str, subject: str = ""
) -> str:
    """What technician and approvers sign: this plan, of these bytes, with these parameters.

    Args:
        params: ``params_sha256`` of the canonical parameters.
        subject: the run that an undo is about; empty for ``apply``.
    """
    bound = _PlanSubject(fix_sha256=fix_sha256, params_sha256=params, mode=mode, subject=subject, plan=plan)
    return hashlib.sha256(to_json(bound)).hexdigest()


def step_input(
    manifest: Manifest, params: Iterable[Parameter], state: str | None, language: Literal["en", "es"] = "en"
) -> bytes:
    """What a step reads on stdin: numbers as numbers, everything else as strings.

    Args:
        state: a private folder of this run that ``apply`` may fill and ``undo`` read; None before a run.
        language: of what the step prints: the user of the machine reads the plan.
    """
    types = {spec.name: spec.type for spec in manifest.params}
    values = {p.name: int(p.value) if types[p.name] in NUMERIC else p.value for p in params}
    return to_json({"params": values, "state": state, "language": language})


def fill_in(items: Iterable[str], params: Iterable[Parameter]) -> tuple[str, ...]:
    """``items`` with each ``{name}`` replaced, whole, by that parameter's value."""
    values = {f"{{{p.name}}}": p.value for p in params}
    return tuple(values.get(item, item) for item in items)


def _payload_entry(name: str, content: bytes) -> dict[str, object]:
    if len(content) > MAX_PAYLOAD_FILE:
        raise RelevoError(Code.USAGE, f"payload: {name} is larger than {MAX_PAYLOAD_FILE} bytes")
    return {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}


def _require_coherent(manifest: Manifest) -> None:
    """The rules that no single field's type can hold."""
    names = [spec.name for spec in manifest.params]
    _require(len(set(names)) == len(names), "params", "the same name twice")
    for spec in manifest.params:
        require_sound(spec)
    for field, step in _steps(manifest):
        _require_step(manifest, field, step)
    has_undo = manifest.undo is not None or bool(manifest.snapshot.files)
    _require(manifest.undoable == has_undo, "reversible", "does not agree with undo and snapshot")
    _require(manifest.undo_verify is None or has_undo, "undo_verify", "there is nothing to undo")
    paths = {f"{{{spec.name}}}" for spec in manifest.params if spec.type == "path"}
    for file in manifest.snapshot.files:
        _require(file in paths or is_plain_path(file), "snapshot.files", f"{file} is not an absolute path")
    for setting in manifest.snapshot.settings:
        _require(setting in SETTING_BUILTINS, "snapshot.settings", f"no such built-in: {setting}")
    _require(
        not (manifest.interrupts_user and manifest.approval.consent == "none"),
        "approval.consent",
        "a fix that interrupts the user cannot go unnoticed",
    )
    files = [file.name for file in manifest.payload]
    _require(len(set(files)) == len(files), "payload", "the same name twice")
    if manifest.self_service:
        _require_self_service(manifest)


def _require_self_service(manifest: Manifest) -> None:
    """What users may run by themselves is harmless, seen by them, and as root only what the signer named."""
    _require(manifest.risk in SELF_SERVICE_RISKS, "self_service", f"not for risk {manifest.risk}")
    _require(manifest.approval.consent != "none", "self_service", "wants consent ask or notify")
    _require(manifest.approvers_needed == 0, "self_service", "nobody is there to approve it")
    _require(manifest.approval.min_tier == 1, "self_service", "is not for fixes that want a higher tier")
    if manifest.run_as == "root":
        for spec in manifest.params:
            ranged = spec.type in NUMERIC and None not in (spec.min, spec.max)
            bounded = spec.type == "enum" or ranged or bool(spec.pattern)
            _require(
                bounded,
                "self_service",
                f"as root, parameter {spec.name} wants a pattern of its own, or min and max",
            )


def _steps(manifest: Manifest) -> list[tuple[str, Step]]:
    named = (
        ("precheck", manifest.precheck),
        ("check", manifest.check),
        ("plan", manifest.plan),
        ("apply", manifest.apply),
        ("undo", manifest.undo),
        ("undo_verify", manifest.undo_verify),
    )
    return [(field, step) for field, step in named if step is not None]


def _require_step(manifest: Manifest, field: str, step: Step) -> None:
    _require(bool(step.run) != bool(step.builtin), field, "takes either run or builtin")
    if step.builtin:
        _require(step.builtin in BUILTINS, field, f"no such built-in: {step.builtin}")
        services = [spec.name for spec in manifest.params if spec.type == "service"]
        _require("service" in services, field, "the built-in wants a parameter service of type service")
        return
    program = step.run[0]
    if program.endswith(".py"):
        _require(any(f.name == program for f in manifest.payload), field, f"no payload file {program}")
    else:
        _require(program in manifest.requires_tools, field, f"{program} is not in requires_tools")
    known = {f"{{{spec.name}}}" for spec in manifest.params}
    for item in step.run[1:]:
        _require(item in known or ("{" not in item and "}" not in item), field, f"no parameter for {item}")


def _require(holds: bool, field: str, why: str) -> None:
    if not holds:
        raise RelevoError(Code.USAGE, f"manifest {field}: {why}")
