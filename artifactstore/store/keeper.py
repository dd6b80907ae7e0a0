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
        """The latest pass of each store and job; ``done_at``: end of the last one that got to its end."""
        query = SQL(
            """
            SELECT DISTINCT ON (r.store, r.job) r.*, (
                SELECT max(d.ended_at) FROM artifactstore.keeper_runs d
                WHERE d.store = r.store AND d.job = r.job AND d.problem IS NULL) AS done_at
            FROM artifactstore.keeper_runs r ORDER BY r.store, r.job, r.began_at DESC, r.run_id DESC
            """
        )
        return self._all(dict_row, query)
