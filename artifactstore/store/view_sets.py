"""View sets beside the live one: a rebuild, snapshots, the past."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row
from psycopg.sql import SQL

from artifactstore.store.base import Connected
from artifactstore.words import VIEW_SET_PURPOSES

_COLUMNS = SQL("schema_name, purpose, sequence, log_id, epoch_id, identity, fingerprint, digests, created_at")


class ViewSet(NamedTuple):
    """A stored view set, as ``artifactstore.view_sets`` has it.

    Attributes:
        purpose: snapshot (a replay may begin from it) or past (made to be looked at).
        sequence: last event that it reflects.
        log_id, epoch_id, identity: which event that is; None for the beginning of a log.
        digests: view → {rows, digest}.
    """

    schema_name: str
    purpose: str
    sequence: int
    log_id: UUID | None
    epoch_id: UUID | None
    identity: bytes | None
    fingerprint: bytes
    digests: dict[str, dict[str, Any]]
    created_at: datetime


class Begun(NamedTuple):
    """Where a rebuild begins.

    Attributes:
        sequence: last event that it reflects.
        resumed: it was left unfinished before.
        dropped: why one that was left unfinished could not be resumed, None if there was none.
    """

    sequence: int
    resumed: bool
    dropped: str | None


class ViewSets(Connected):
    """``store.view_sets``: view sets other than the live one."""

    def view_sets(self, purposes: Sequence[str] = VIEW_SET_PURPOSES) -> list[ViewSet]:
        """The stored view sets, the newest sequence first."""
        query = SQL(
            "SELECT {} FROM artifactstore.view_sets WHERE purpose = ANY (%s)"
            " ORDER BY sequence DESC, schema_name"
        ).format(_COLUMNS)
        return self._all(args_row(ViewSet), query, (list(purposes),))

    def view_set_bytes(self, schema: str) -> int:
        """Size on disk of the tables of a view set."""
        query = SQL(
            """
            SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes FROM pg_catalog.pg_class c
            WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND c.relkind = 'r'
            """
        )
        size: int = self._row(query, (schema,))["bytes"]
        return size

    def create_snapshot(self) -> ViewSet:
        """Copy the live views; in a REPEATABLE READ transaction."""
        query = SQL("SELECT {} FROM artifactstore.create_snapshot()").format(_COLUMNS)
        return self._all(args_row(ViewSet), query)[0]

    def view_set_problem(self, schema: str, *, rows: bool = True) -> str | None:
        """Why a stored view set cannot be trusted, None if it can; ``rows``: read all its rows too."""
        query = SQL("SELECT artifactstore.view_set_problem(%s, %s) AS problem")
        problem: str | None = self._row(query, (schema, rows))["problem"]
        return problem

    def drop_view_set(self, schema: str) -> None:
        """Remove a stored view set; raises ``NotFound``, or ``Refused`` when others use its schema."""
        self._row(SQL("SELECT artifactstore.drop_view_set(%s)"), (schema,))

    def as_of(self, schema: str, last: int, snapshot: str | None) -> ViewSet:
        """Make the view set ``schema`` as the log left it at ``last``, from ``snapshot`` if it is given."""
        query = SQL("SELECT {} FROM artifactstore.as_of(%s, %s, %s)").format(_COLUMNS)
        return self._all(args_row(ViewSet), query, (schema, last, snapshot))[0]

    def begin_rebuild(self, snapshot: str | None) -> Begun:
        """Begin or resume a rebuild; raises ``Busy`` while another session works on it."""
        query = SQL("SELECT sequence, resumed, dropped FROM artifactstore.begin_rebuild(%s)")
        return self._all(args_row(Begun), query, (snapshot,))[0]

    def rebuild_next(self) -> int:
        """Project the next range into the rebuild; its last sequence then.

        Raises ``Busy``: rebuild-outdated when the log was replaced under it.
        """
        sequence: int = self._row(SQL("SELECT artifactstore.rebuild_next() AS last"))["last"]
        return sequence

    def begin_parts(self, parts: int) -> list[int]:
        """Share the rest of the log out in so many parts; the parts, none for one session.

        Those of a rebuild that was left unfinished stay, however many they are.
        """
        shared: list[int] = self._row(SQL("SELECT artifactstore.begin_parts(%s) AS parts"), (parts,))["parts"]
        return shared

    def rebuild_part(self, part: int, leader: int) -> tuple[int, int, int]:
        """Project the next events of a part: the event that it is at, the one where it ends, events folded.

        ``leader``: backend of the session that began the rebuild. Raises ``Busy`` as ``rebuild_next``, and
        whatever a projector refuses.
        """
        row = self._row(SQL("SELECT * FROM artifactstore.rebuild_part(%s, %s)"), (part, leader))
        return row["sequence"], row["last"], row["events"]

    def end_parts(self) -> int:
        """All parts are done: the last event of the rebuild then; raises what makes it worthless."""
        sequence: int = self._row(SQL("SELECT artifactstore.end_parts() AS last"))["last"]
        return sequence

    def find_differences(self) -> tuple[int, int, int]:
        """In a REPEATABLE READ transaction: its head, how many packages and other rows differ there."""
        row = self._row(SQL("SELECT * FROM artifactstore.find_differences()"))
        return row["sequence"], row["packages"], row["rows"]

    def equalize(self, packages: int) -> tuple[int, int, float]:
        """Mend so many packages: how many are left, rows written, seconds that the append lock was held."""
        row = self._row(SQL("SELECT * FROM artifactstore.equalize(%s)"), (packages,))
        return row["packages_left"], row["written"], row["seconds"]

    def end_rebuild(self) -> None:
        """Note that the live views are made by the installed projectors."""
        self._row(SQL("SELECT artifactstore.end_rebuild()"))

    def drop_rebuild(self) -> None:
        """Drop a rebuild; raises ``Busy`` while somebody works on it or reads it."""
        self._row(SQL("SELECT artifactstore.drop_rebuild()"))
