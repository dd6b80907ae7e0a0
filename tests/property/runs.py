"""Fold a history on a real server, in ranges, and see what becomes of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from artifactstore import codec
from tests.property.histories import History, Row, cut, make_random

SCHEMA = "property"

# What SQL is needed to fold many ranges in one call, and to show a view set as one text that does not
# depend on settings of the session.
_FUNCTIONS = """
CREATE SCHEMA property;

CREATE FUNCTION property.project_ranges(p_ends bigint[])
RETURNS TABLE (refused bigint, state text, detail text)
LANGUAGE plpgsql
AS $$
DECLARE
    v_first bigint := 1;
    v_end bigint;
BEGIN
    FOREACH v_end IN ARRAY p_ends LOOP
        BEGIN
            PERFORM artifactstore.project(v_first, v_end);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
            IF state !~ '^ST' THEN
                detail := SQLERRM;
                RETURN NEXT;
                RETURN;
            END IF;
            refused := (detail::jsonb -> 'sequence')::bigint;
            IF refused > v_first THEN
                PERFORM artifactstore.project(v_first, refused - 1);
            END IF;
            RETURN NEXT;
            RETURN;
        END;
        v_first := v_end + 1;
    END LOOP;
END
$$;

CREATE FUNCTION property.project_parts(p_schema text, p_order integer[], p_ends bigint[])
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_part integer;
    v_first bigint;
    v_end bigint;
    v_events bigint := 0;
BEGIN
    FOREACH v_part IN ARRAY p_order LOOP
        v_first := 1;
        FOREACH v_end IN ARRAY p_ends LOOP
            v_events := v_events + (
                SELECT p.events FROM artifactstore.project_part(
                    p_schema, v_part, cardinality(p_order), v_first, v_end) p);
            v_first := v_end + 1;
        END LOOP;
    END LOOP;
    RETURN CASE WHEN v_events <> v_end THEN 'an event is missing'
        WHEN artifactstore.bytes_needed(p_schema) THEN 'bytes-needed' END;
EXCEPTION WHEN SQLSTATE 'ST000' OR unique_violation THEN
    RETURN SQLERRM;
END
$$;

CREATE FUNCTION property.rows(p_schema text)
RETURNS jsonb
LANGUAGE plpgsql
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET bytea_output = 'hex'
AS $$
DECLARE
    v_view text;
    v_rows jsonb;
    v_all jsonb := '{}';
BEGIN
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY %s), ''[]'') FROM %I.%I t',
            artifactstore.primary_key(v_view), p_schema, v_view) INTO v_rows;
        v_all := v_all || jsonb_build_object(v_view, v_rows);
    END LOOP;
    RETURN v_all;
END
$$;
"""


@dataclass(slots=True)
class Outcome:
    """What came of folding a history.

    ``refused``: sequence of the first refused event, ``state``: its SQLSTATE, both None if none was.
    ``rows``: view name → rows, those of the accepted events. ``warnings``: what the server warned of.
    """

    refused: int | None
    state: str | None
    detail: str | None
    rows: dict[str, list[dict[str, Any]]]
    warnings: list[str] = field(default_factory=list)

    @property
    def code(self) -> str | None:
        """Name of the refusal."""
        return None if self.refused is None else str(json.loads(self.detail or "{}").get("code"))

    def verdict(self) -> tuple[int | None, str | None, dict[str, list[dict[str, Any]]], object]:
        """All that must be equal, however the history is cut: F40, the facts of the refusal too."""
        return self.refused, self.state, self.rows, json.loads(self.detail or "{}")


class Parted(NamedTuple):
    """What came of folding a history in parts: why it must be folded in order, None if it need not; rows."""

    refused: str | None
    rows: dict[str, list[dict[str, Any]]]


class Laboratory:
    """A migrated database with a view set of its own, in which every experiment is rolled back.

    The connection must belong to a superuser, as histories are put into the log past its doors.
    """

    def __init__(self, connection: psycopg.Connection, view_set: str = "folded") -> None:
        self.connection = connection
        self._warnings: list[str] = []
        connection.add_notice_handler(self._on_notice)
        connection.execute(_FUNCTIONS)
        # As replay makes it: view sets that are not the owner's are refused.
        connection.execute(
            "SELECT set_config('role', n.nspowner::regrole::text, true) FROM pg_namespace n"
            " WHERE n.nspname = 'artifactstore'"
        )
        connection.execute("SELECT artifactstore.create_view_set(%s)", (view_set,))
        connection.commit()

    def _on_notice(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(f"{notice.message_primary} ({notice.message_detail})")

    def load(self, history: History) -> None:
        """Put the events of a history into the empty log."""
        write_log(self.connection, history)
        self.connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")

    def fold(self, view_set: str, ends: Sequence[int]) -> Outcome:
        """Project the ranges that end at ``ends`` into a view set that is empty, up to the first refusal."""
        self._warnings = []
        self.connection.execute(
            sql.SQL("SET LOCAL search_path = {}, pg_temp").format(sql.Identifier(view_set))
        )
        found = self.connection.execute(
            "SELECT refused, state, detail FROM property.project_ranges(%s)", (list(ends),)
        ).fetchone()
        refused, state, detail = found or (None, None, None)
        assert state is None or refused is not None, f"no refusal but a failure: {state} {detail}"
        return Outcome(refused, state, detail, self.rows(view_set), self._warnings)

    def fold_parts(self, view_set: str, order: Sequence[int], ends: Sequence[int]) -> Parted:
        """Fold part by part, each in the ranges that end at ``ends``, into a view set that is empty."""
        found = self.connection.execute(
            "SELECT property.project_parts(%s, %s, %s)", (view_set, list(order), list(ends))
        ).fetchone()
        assert found is not None
        return Parted(found[0], self.rows(view_set))

    def rows(self, view_set: str) -> dict[str, list[dict[str, Any]]]:
        """All rows of a view set, ordered by key, with times in UTC."""
        found = self.connection.execute("SELECT property.rows(%s)", (view_set,)).fetchone()
        assert found is not None
        return dict(found[0])

    def forget(self) -> None:
        """Undo the experiment."""
        self.connection.rollback()


def fold_both_ways(laboratory: Laboratory, history: History, seed: int) -> Outcome:
    """Fold a history one by one, as one range, cut at random, and in parts; the outcome of one by one.

    Raises AssertionError unless all outcomes are equal, what is known of the refusal included.
    """
    length = len(history.rows)
    try:
        laboratory.load(history)
        # All in one view set: another search_path would make the server plan every statement again.
        laboratory.connection.execute("SAVEPOINT before")
        one_by_one = laboratory.fold("folded", range(1, length + 1))
        laboratory.connection.execute("ROLLBACK TO before")
        assert one_by_one.warnings == []
        for ends in ([length], cut(make_random(seed), length)):
            in_ranges = laboratory.fold("folded", ends)
            assert in_ranges.verdict() == one_by_one.verdict(), f"cut at {ends}"
            assert in_ranges.code == one_by_one.code
            # A range whose events are all allowed is folded whole: over-strict rules would hide as slowness.
            assert in_ranges.warnings == [], f"cut at {ends}"
            laboratory.connection.execute("ROLLBACK TO before")
        random = make_random(seed)
        for parts in (2, 3, 4):
            order = random.sample(range(parts), parts)
            in_parts = laboratory.fold_parts("folded", order, cut(random, length))
            assert (in_parts.refused is None) == (one_by_one.refused is None), (order, in_parts.refused)
            assert in_parts.refused is not None or in_parts.rows == one_by_one.rows, order
            laboratory.connection.execute("ROLLBACK TO before")
    finally:
        laboratory.forget()
    if history.known:
        found = None if one_by_one.refused is None else (one_by_one.refused, one_by_one.code)
        assert found == history.refusal, one_by_one.detail
    return one_by_one


def write_log(connection: psycopg.Connection, history: History) -> None:
    """Insert the events of a history past the doors, in the current transaction."""
    rows = history.rows
    connection.execute("SELECT set_config('artifactstore.projecting', 'on', true)")
    connection.execute(
        """
        INSERT INTO artifactstore.events
            (sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest)
        SELECT sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest
        FROM unnest(%s::timestamptz[], %s::text[], %s::text[], %s::uuid[], %s::text[], %s::bytea[],
                %s::bytea[]) WITH ORDINALITY
            AS e (created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest, sequence)
        WHERE sequence <> ALL (%s)
        """,
        (
            [row.created_at for row in rows],
            [row.event_type for row in rows],
            [row.subject_kind for row in rows],
            [row.subject_id for row in rows],
            [row.actor for row in rows],
            [row.payload for row in rows],
            [codec.digest(row.payload) for row in rows],
            list(history.missing),
        ),
    )


def append_rows(connection: psycopg.Connection[Any], rows: Sequence[Row]) -> None:
    """Append rows through the door."""
    connection.execute(
        "SELECT * FROM artifactstore.append(%s, %s, %s, %s, %s)",
        (
            [row.event_type for row in rows],
            [row.subject_id for row in rows],
            [row.actor for row in rows],
            [row.payload for row in rows],
            [codec.digest(row.payload) for row in rows],
        ),
    )
