"""Known errors: what is wrong, by what it is recognised, and what helps; signed as one document each.

An administrator writes a directory: ``known-error.toml`` and at least one bundle that shows the error
(``positive-*.json``) and one that does not (``negative-*.json``). ``parse_known_error`` checks it and adds
the bundles' hashes; the JSON of the result is the TUF target ``known-errors/<id>.json``. Broker, technician
and agent read only that JSON, and only after TUF verified it. Pure: bytes and values in, values out.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from protocol.assist import Parameter
from protocol.comparing import is_hidden
from protocol.diagnosis import MAX_BUNDLE, Bundle
from protocol.errors import Code, RelevoError
from protocol.fix_params import MAX_VALUE, Bilingual, ParamName
from protocol.signature_model import BindingName
from protocol.signatures import (
    Binding,
    Expr,
    Missing,
    Outcome,
    Signature,
    Verdict,
    Why,
    bindings_of,
    evaluate,
    evaluate_expr,
    require_expr_sound,
    require_sound,
)
from protocol.wire import Line, Name, Sha256, Wire, from_json, to_json

SCHEMA = 1
MAX_DOCUMENT = 128 << 10
"""Bytes of one known error as JSON, and of its ``known-error.toml``."""
MAX_KNOWN_ERRORS = 2_000
"""In one organisation."""
MAX_TESTS = 40

KnownErrorId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,49}$(?!\n)")]
Level = Annotated[int, Meta(ge=1, le=4)]
"""1 least .. 4 most."""
Visibility = Literal["public", "L1", "L2", "L3"]
"""Who may read of it at all, as with articles of the knowledge base."""
TrialName = Annotated[str, Meta(pattern=r"^(positive|negative)-[A-Za-z0-9][A-Za-z0-9._-]{0,50}\.json$(?!\n)")]
Words = Annotated[str, Meta(min_length=1, max_length=4_000)]


class Told(Wire, frozen=True):
    """A longer text in both languages."""

    en: Words
    es: Words


class FixProposal(Wire, frozen=True, omit_defaults=True):
    """A fix of the catalogue that helps, and where its parameters come from."""

    fix: Name
    params_from: Annotated[dict[ParamName, BindingName], Meta(max_length=32)] = msgspec.field(
        default_factory=dict
    )
    """Parameter to the name that the signature bound."""
    params: Annotated[
        dict[ParamName, Annotated[str, Meta(min_length=1, max_length=MAX_VALUE)]], Meta(max_length=32)
    ] = msgspec.field(default_factory=dict)
    """Parameters with a fixed value."""


class TrialBundle(Wire, frozen=True):
    """A bundle that the signature was tried on before it was signed; only its hash is distributed."""

    name: TrialName
    sha256: Sha256

    @property
    def expected(self) -> Outcome:
        return Outcome.MATCH if self.name.startswith("positive-") else Outcome.NO_MATCH


class KnownError(Wire, frozen=True, omit_defaults=True, kw_only=True):
    """Everything that is signed about one version of a known error."""

    schema: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)] = SCHEMA
    id: KnownErrorId
    version: Annotated[int, Meta(ge=1, le=999_999)]
    title: Bilingual
    owner: Line
    cause: Told
    workaround: Told | None = None
    permanent_fix: Told | None = None
    article: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    """The article of the knowledge base that tells more."""
    impact: Level
    likelihood: Level
    risk_of_change: Level
    visibility: Visibility
    self_service: bool = False
    """The user may be offered its fixes without a technician; only for what is public."""
    signature: Signature
    fixes: Annotated[tuple[FixProposal, ...], Meta(max_length=8)] = ()
    verify: Expr | None = None
    """Must hold in a bundle made after the fix. Without it, the signature must no longer match."""
    tests: Annotated[tuple[TrialBundle, ...], Meta(min_length=2, max_length=MAX_TESTS)]


class Proposal(NamedTuple):
    """A fix with what the signature's bindings fill in.

    ``missing`` are parameters whose value was not bound, or was hidden for this clearance.
    """

    fix: str
    params: tuple[Parameter, ...]
    missing: tuple[str, ...]


class Judged(NamedTuple):
    """A known error, and what its signature says of a bundle."""

    known: KnownError
    verdict: Verdict


class Tried(NamedTuple):
    """One test bundle, and whether the signature says of it what it should."""

    test: TrialBundle
    verdict: Verdict

    @property
    def passed(self) -> bool:
        return self.verdict.outcome is self.test.expected


def parse_known_error(toml: bytes, bundles: Mapping[str, bytes]) -> KnownError:
    """The known error that ``known-error.toml`` and the bundles beside it make.

    Args:
        toml: as the author wrote it; it never names hashes.
        bundles: file name to content.

    Raises:
        RelevoError: ``usage`` naming the field that is missing, unknown or wrong.
    """
    if len(toml) > MAX_DOCUMENT:
        raise RelevoError(Code.USAGE, f"known-error.toml: larger than {MAX_DOCUMENT} bytes")
    try:
        source: dict[str, Any] = tomllib.loads(toml.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RelevoError(Code.USAGE, f"known-error.toml: {error}") from error
    if "tests" in source:
        raise RelevoError(Code.USAGE, "tests: are made from the files, not written in known-error.toml")
    source["tests"] = [
        {"name": name, "sha256": hashlib.sha256(bundles[name]).hexdigest()} for name in sorted(bundles)
    ]
    try:
        known = msgspec.convert(source, KnownError, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise RelevoError(Code.USAGE, f"known-error.toml: {error}") from error
    _require_coherent(known)
    return known


def known_error_json(known: KnownError) -> bytes:
    """The bytes that are signed. Raises RelevoError: ``too-large``."""
    content = to_json(known)
    if len(content) > MAX_DOCUMENT:
        raise RelevoError(Code.TOO_LARGE, f"known error of {len(content)} bytes")
    return content


def read_known_error(content: bytes, id_: str) -> KnownError:
    """The known error of a verified target file, checked as strictly as when it was made.

    Args:
        id_: what the target's path says; the document must say the same.

    Raises:
        RelevoError: ``malformed``, ``too-large``; ``usage`` for one that contradicts itself;
            ``identity-mismatch`` for another one than the path says.
    """
    if len(content) > MAX_DOCUMENT:
        raise RelevoError(Code.TOO_LARGE, f"known error of {len(content)} bytes")
    known = from_json(content, KnownError)
    _require_coherent(known)
    if known.id != id_:
        raise RelevoError(Code.IDENTITY_MISMATCH, f"known error {known.id} at the path of {id_[:64]}")
    return known


def read_test_bundle(content: bytes) -> Bundle:
    """Raises RelevoError: ``too-large`` or ``malformed``."""
    if len(content) > MAX_BUNDLE:
        raise RelevoError(Code.TOO_LARGE, f"bundle of {len(content)} bytes")
    return from_json(content, Bundle)


def try_out(known: KnownError, bundles: Mapping[str, bytes]) -> tuple[Tried, ...]:
    """What the signature says of each of its test bundles, judged at the moment each was finished.

    Raises:
        RelevoError: ``not-found`` or ``hash-mismatch`` for a bundle that is not the one it was made with;
            ``malformed``, ``too-large``.
    """
    done = []
    for test in known.tests:
        content = bundles.get(test.name)
        if content is None:
            raise RelevoError(Code.NOT_FOUND, test.name)
        if hashlib.sha256(content).hexdigest() != test.sha256:
            raise RelevoError(Code.HASH_MISMATCH, test.name)
        bundle = read_test_bundle(content)
        done.append(Tried(test, evaluate(known.signature, bundle, bundle.manifest.ended)))
    return tuple(done)


def judge_all(
    known: Iterable[KnownError], bundle: Bundle, now: datetime, time_left: Callable[[], bool]
) -> tuple[Judged, ...]:
    """What every signature says of a bundle; unknown for those that there is no time left for."""
    late = Verdict(outcome=Outcome.UNKNOWN, missing=(Missing(what="bundle", why=Why.TOO_MUCH),))
    return tuple(Judged(one, evaluate(one.signature, bundle, now) if time_left() else late) for one in known)


def proposals(known: KnownError, bindings: tuple[Binding, ...]) -> tuple[Proposal, ...]:
    """The fixes of a known error for one way in which it matched."""
    values = {binding.name: binding.value for binding in bindings if not is_hidden(binding.value)}
    made = []
    for fix in known.fixes:
        given = {**fix.params}
        given |= {param: values[name] for param, name in fix.params_from.items() if name in values}
        missing = tuple(param for param, name in fix.params_from.items() if name not in values)
        params = tuple(Parameter(name=name, value=given[name]) for name in sorted(given))
        made.append(Proposal(fix.fix, params, missing))
    return tuple(made)


def is_gone(known: KnownError, bundle: Bundle, now: datetime) -> bool | None:
    """Whether a bundle made after the fix shows that the error is gone; None: it cannot be told."""
    if known.verify is not None:
        verdict = evaluate_expr(known.verify, bundle)
        return {Outcome.MATCH: True, Outcome.NO_MATCH: False}.get(verdict.outcome)
    verdict = evaluate(known.signature, bundle, now)
    return {Outcome.MATCH: False, Outcome.NO_MATCH: True}.get(verdict.outcome)


def _require_coherent(known: KnownError) -> None:
    """The rules that no single field's type can hold."""
    require_sound(known.signature)
    if known.verify is not None:
        require_expr_sound(known.verify)
    expected = {test.expected for test in known.tests}
    _require(expected == {Outcome.MATCH, Outcome.NO_MATCH}, "tests", "wants a positive and a negative bundle")
    names = [test.name for test in known.tests]
    _require(len(set(names)) == len(names), "tests", "the same name twice")
    _require(not known.self_service or known.visibility == "public", "self_service", "is for what is public")
    _require(not known.self_service or bool(known.fixes), "self_service", "there is no fix to offer")
    bound = bindings_of(known.signature)
    for fix in known.fixes:
        for param, name in fix.params_from.items():
            _require(name in bound, f"fixes.{fix.fix}.{param}", f"the signature binds no {name}")
            _require(param not in fix.params, f"fixes.{fix.fix}.{param}", "is bound and given")


def _require(holds: bool, field: str, why: str) -> None:
    if not holds:
        raise RelevoError(Code.USAGE, f"known error {field}: {why}")
