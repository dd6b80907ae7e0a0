"""Take every rule of the projectors out, one at a time, and see whether the histories notice.

    python -m tests.property.mutants CONNINFO [--examples N] [--only WORD]

CONNINFO names a migrated scratch database and a superuser; at its end the functions are as they were.
Exit code 1 if a mutant lived. Each is met by the histories that are most likely to notice it first, so a
run takes some minutes; a mutant that lives is a gap in the histories, or a rule that cannot matter.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.property.histories import (
    REFUSALS,
    History,
    allowed_history,
    make_random,
    shuffled_history,
    spoiled_history,
)
from tests.property.runs import Laboratory, fold_both_ways

_SQL = Path(__file__).parents[2] / "sql"
_PROJECTORS = _SQL / "3_project"
_GRAMMAR = [_SQL / "1_codec" / "purl" / f"{name}.sql" for name in ("parse_purl", "percent_decode")]
"""What the projectors take for a purl."""

# A condition ends where its THEN begins; CASE arms and IFs alike.
_CONDITION = re.compile(r"\b(WHEN|IF)\s+(?P<condition>(?:(?!\bTHEN\b|;).)+?)\s+THEN\b", re.DOTALL)
_COMPARISONS = {" <= ": " < ", " >= ": " > ", " < ": " <= ", " > ": " >= "}
_WAVES = {
    "p.event_type = 'v1.file.removed'\n": "true\n",
    "lag(p.event_type, 1, '') OVER package = p.event_type": "true",
    "t.lane = 'package' OR": "false OR",
    "t.lane = 'retention' AND": "false AND",
    "CASE WHEN p.barrier THEN 0": "CASE WHEN p.barrier THEN 1",
    "ORDER BY w.epoch, w.wave, w.event_type\n": "ORDER BY w.wave, w.epoch, w.event_type\n",
    "coalesce((e.payload ->> 'file_id')::uuid, e.subject_id)::text": "e.subject_id::text",
    "coalesce((e.payload ->> 'package_id')::uuid, e.subject_id) AS package_id": "e.subject_id AS package_id",
}


_CLAIMS = {
    "c.backend = l.backend": "true",
    "c.uri = l.uri": "true",
    "AND c.location_id <> l.location_id": "AND true",
    "c.retired_at IS NULL OR c.last_sequence > a.sequence": "c.retired_at IS NULL",
    "c.retired_at IS NULL OR": "false OR",
    "coalesce(c.created_sequence < a.sequence, true)": "true",
}


# No mutant here keeps events in a stricter order than fold_waves does: that changes nothing but speed.

_SAME = "means the same"
_EFFECT = "wrong in the same way for one event and for many: seen by tests/sql"
UNSEEN = {
    "byte_claims: l.state <> 'retiring' → NULL": _EFFECT,
    "byte_claims: o.claims = 0 → NULL": _EFFECT,
    "byte_claims: o.kept = 0 AND o.later = 0 → NULL": _EFFECT,
    "byte_claims: o.kept = 0 → true": _EFFECT,
    "byte_claims: o.later = 0 → true": _EFFECT,
    "byte_claims: > →  >= ": _SAME,
    "byte_claims: AND c.location_id <> l.location_id → AND true": "it is retired then",
    "check_bytes: cardinality(p_events) = 0 → NULL": _SAME,
    "check_bytes: v_needed_by -> 'more' <> '0' → NULL": "the words of the refusal",
    "fold_waves: t.lane <> 'file' → NULL": "a stricter order",
    "ingest_problem: p_event.payload ? 'locations' → true": _SAME,
    "parse_purl: p_purl IS NULL → false": _SAME,
    "parse_purl: strpos(p_purl, '%') = 0 → NULL": _SAME,
    "percent_decode: p_text IS NULL OR p_text !~ '%' → NULL": _EFFECT,
    "percent_decode: p_text IS NULL → false": _EFFECT,
    "percent_decode: p_text !~ '%' → false": _SAME,
    "project_file_ingested: ON CONFLICT DO NOTHING → ": "fold takes the violation for a refusal",
    "project_file_ingested: v_alone → NULL": "fold takes the violation for a refusal",
    "project_file_state: bool_or(l.state = 'verified') → NULL": _EFFECT,
    "project_file_state: bool_or(l.state = 'registered') → NULL": _EFFECT,
    "project_package_created: (SELECT true FROM artifact_packages p WHERE p.purl = e.payload ->> 'purl')"
    " → NULL": "the insert finds it too",
    "project_package_created: ON CONFLICT DO NOTHING → ": "fold takes the violation for a refusal",
    "project_requests: v_requests = 0 → NULL": _SAME,
    "project_retention_applied: r.mode <> 'none' → true": _SAME,
    "project_storage_failed: 'retiring' → NULL": _EFFECT,
    "project_storage_retired: v_code <> 'last-good-copy' → NULL": "the facts of the refusal",
    "project_storage_retiring: v_code NOT IN ('last-good-copy', 'no-change') → NULL": "its facts",
    "project_storage_verified: 'retiring' → NULL": _EFFECT,
}
"""Mutants that no history can see, and why."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of the projectors: ``statement`` makes it, ``undo`` takes it back."""

    name: str
    statement: str
    undo: str
    code: str = ""


def rule_mutants() -> Iterator[Mutant]:
    """Conditions taken out, whole and by their parts; comparisons moved by one; conflicts not caught."""
    for path in sorted([*_PROJECTORS.rglob("*.sql"), *_GRAMMAR]):
        if path.stem == "project_events":
            continue
        source = path.read_text()
        for match in _CONDITION.finditer(source):
            start, end = match.span("condition")
            found = re.match(r"\s*'([a-z-]+)'", source[match.end() :])
            code = found.group(1) if found else ""
            if re.search(r"EXCEPTION\s+$", source[: match.start()]):
                yield _mutant(path, source, start, end, "no_data_found")
                continue
            yield _mutant(path, source, start, end, "NULL", code)
            for glue, neutral in ((" OR ", "false"), (" AND ", "true")):
                for left, right in _parts(match["condition"], glue):
                    yield _mutant(path, source, start + left, start + right, neutral, code)
            for old, new in _COMPARISONS.items():
                for spot in re.finditer(old, match["condition"]):
                    yield _mutant(path, source, start + spot.start(), start + spot.end(), new, code)
        for match in re.finditer(r"ELSE artifactstore\.destruction_problem\([^)]*\)", source):
            yield _mutant(path, source, *match.span(), "ELSE NULL")
        if path.stem == "byte_claims":
            for old, new in _CLAIMS.items():
                assert source.count(old) == 1, old
                start = source.index(old)
                yield _mutant(path, source, start, start + len(old), new)
        for match in re.finditer(r"ON CONFLICT DO NOTHING", source):
            yield _mutant(path, source, *match.span(), "")


def _mutant(path: Path, source: str, start: int, end: int, text: str, code: str = "") -> Mutant:
    old = " ".join(source[start:end].split())
    return Mutant(f"{path.stem}: {old} → {text}", source[:start] + text + source[end:], source, code)


def _parts(condition: str, glue: str) -> Iterator[tuple[int, int]]:
    """Spans of the operands of ``glue`` on the outermost level; none if there is but one."""
    depth, start, spans = 0, 0, []
    flat = re.sub(r"\s", " ", condition)
    for at, letter in enumerate(flat):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0 and flat.startswith(glue, at):
            spans.append((start, at))
            start = at + len(glue)
    if spans:
        yield from [*spans, (start, len(condition))]


def wave_mutants(connection: psycopg.Connection) -> Iterator[Mutant]:
    """Events folded out of their order: changes of fold_waves, event types in another lane."""
    source = (_PROJECTORS / "fold" / "fold_waves.sql").read_text()
    for old, new in _WAVES.items():
        assert source.count(old) == 1, old
        yield Mutant(f"fold_waves: {' '.join(old.split())} → {new.strip()}", source.replace(old, new), source)
    update = "UPDATE artifactstore.event_types SET lane = '{}' WHERE event_type = '{}'"
    # Lane package keeps the order of everything, and the events of the log itself are in one lane anyway.
    for event_type, lane in connection.execute(
        "SELECT event_type, lane FROM artifactstore.event_types WHERE subject_kind <> 'system'"
    ).fetchall():
        for other in {"file", "label", "retention"} - {lane}:
            yield Mutant(
                f"lane of {event_type}: {lane} → {other}",
                update.format(other, event_type),
                update.format(lane, event_type),
            )


def make_histories(examples: int) -> list[History]:
    """A history for each refusal, and as many of each kind as ``examples`` says."""
    chosen = []
    for name in REFUSALS:
        spoiled = (spoiled_history(make_random(seed), 40, name, alone=True) for seed in range(500))
        chosen.append(next(history for history in spoiled if history.refusal is not None))
    for seed in range(examples):
        chosen.append(shuffled_history(make_random(seed), 60))
        chosen.append(allowed_history(make_random(seed), 60))
        chosen.append(spoiled_history(make_random(seed), 60))
    return chosen


def lives(laboratory: Laboratory, mutant: Mutant, histories: list[History]) -> bool:
    """True if no history notices the mutant."""
    laboratory.connection.execute(mutant.statement.encode())
    laboratory.connection.commit()
    try:
        likely = sorted(histories, key=lambda one: one.refusal is None or one.refusal[1] != mutant.code)
        for seed, history in enumerate(likely):
            try:
                fold_both_ways(laboratory, history, seed)
            except (AssertionError, psycopg.Error):
                return False
        return True
    finally:
        laboratory.forget()
        laboratory.connection.execute(mutant.undo.encode())
        laboratory.connection.commit()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("conninfo")
    parser.add_argument("--examples", type=int, default=40, help="histories of each kind")
    parser.add_argument("--only", default="", help="mutants whose name holds this word")
    arguments = parser.parse_args()
    histories = make_histories(arguments.examples)
    with psycopg.connect(arguments.conninfo) as connection:
        connection.execute("SET statement_timeout = '20s'")
        connection.execute("SET check_function_bodies = off")
        laboratory = Laboratory(connection)
        mutants = [*rule_mutants(), *wave_mutants(connection)]
        stale = UNSEEN.keys() - {mutant.name for mutant in mutants}
        assert not stale, stale
        chosen = [one for one in mutants if arguments.only in one.name and one.name not in UNSEEN]
        alive = 0
        for mutant in chosen:
            if lives(laboratory, mutant, histories):
                alive += 1
                sys.stdout.write(f"LIVES {mutant.name}\n")
                sys.stdout.flush()
        sys.stdout.write(f"{alive} of {len(chosen)} mutants live\n")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
