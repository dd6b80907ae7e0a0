"""What the keeper of stores did: passes over a store, outside the log."""

from collections.abc import Mapping
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from artifactstore.store.base import Connected
from artifactstore.store.rows import Row


class KeeperRuns(Connected):
    """``store.keeper``: passes over stores, by store and job (``words.KEEPER_JOBS``)."""

    def begin(self, store: str, job: str) -> UUID:
        """Note that a pass begins; its id."""
        row = self._row(SQL("SELECT artifactstore.begin_keeper_run(%s, %s) AS run_id"), (store, job))
        run_id: UUID = row["run_id"]
        return run_id

    def end(self, run_id: UUID, counts: Mapping[str, int], problem: str | None = None) -> bool:
        """Note what a pass did, and why it did not get to its end; False if it is not under way."""
        query = SQL("SELECT artifactstore.end_keeper_run(%s, %s, %s) AS noted")
        noted: bool = self._row(query, (run_id, Jsonb(dict(counts)), problem))["noted"]
        return noted

    def latest(self) -> list[Row]:
        """The latest pass of each store and job; of that, a hundred of each are kept at most.

        ``done_at``, ``done``: end and counts of the last one that got to its end. ``seen_at``, ``seen``:
        likewise of the last one that noted how the copies stand, to its end or not.
        """
        query = SQL(
            """
            SELECT l.*, d.ended_at AS done_at, d.counts AS done, s.ended_at AS seen_at, s.counts AS seen
            FROM (SELECT DISTINCT ON (r.store, r.job) r.* FROM artifactstore.keeper_runs r
                ORDER BY r.store, r.job, r.began_at DESC, r.run_id DESC) l
            LEFT JOIN LATERAL (SELECT r.ended_at, r.counts FROM artifactstore.keeper_runs r
                WHERE r.store = l.store AND r.job = l.job AND r.ended_at IS NOT NULL AND r.problem IS NULL
                ORDER BY r.ended_at DESC LIMIT 1) d ON true
            LEFT JOIN LATERAL (SELECT r.ended_at, r.counts FROM artifactstore.keeper_runs r
                WHERE r.store = l.store AND r.job = l.job AND r.counts ? 'read_every_seconds'
                ORDER BY r.ended_at DESC LIMIT 1) s ON true
            ORDER BY l.store, l.job
            """
        )
        return self._all(dict_row, query)
