"""What a query costs: its plan, and how long it takes on a machine that may be busy with something else."""

from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter
from typing import Any

import psycopg

MILLISECONDS = 20.0
ROUNDS = 5
BUSY = 5.0


def assert_fast(connection: psycopg.Connection[Any], act: Callable[[], list[Any]], expected: int) -> None:
    """``act``, warm, gives so many rows within 20 ms, of the long log.

    On a machine that is busy with something else: within five times what it takes to read as many events
    by their sequence, which is as fast as anything can be; the whole log takes hundreds of times that.
    """
    query = f"SELECT * FROM artifactstore.audit_events WHERE sequence BETWEEN 150000 AND {149999 + expected}"
    assert len(act()) == expected
    found = []
    for _ in range(ROUNDS):
        took = milliseconds(act)
        if took <= MILLISECONDS:
            return
        found.append((took, milliseconds(lambda: connection.execute(query.encode()).fetchall())))
    assert min(took / reference for took, reference in found) <= BUSY, found


def milliseconds(act: Callable[[], list[Any]]) -> float:
    """How long it takes, the median of five."""
    took = []
    for _ in range(5):
        started = perf_counter()
        act()
        took.append((perf_counter() - started) * 1_000)
    return median(took)


def plan_of(connection: psycopg.Connection[Any], query: str) -> list[dict[str, Any]]:
    """The nodes of the plan by which a query ran, with what they gave."""
    explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}"
    [[found]] = connection.execute(explain.encode()).fetchall()
    return list(_nodes(found[0]["Plan"]))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def read_whole(nodes: list[dict[str, Any]]) -> set[str]:
    """Tables that a plan reads from one end to the other."""
    return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}


def rows_read(connection: psycopg.Connection[Any]) -> int:
    """Rows of our tables that the transaction which is under way has read so far, by index or not."""
    query = """
        SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)
        FROM pg_stat_xact_user_tables WHERE schemaname = 'artifactstore'
        """
    [[count]] = connection.execute(query).fetchall()
    return int(count)
