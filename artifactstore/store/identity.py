"""Which log this is, how far it goes, and where it is at home."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row
from psycopg.sql import SQL

from artifactstore.errors import Busy
from artifactstore.store.base import Connected


class Position(NamedTuple):
    """Identity, generation and head of a log; an empty log has head 0 and nothing else."""

    log_id: UUID | None
    epoch: int | None
    epoch_id: UUID | None
    head: int

    @property
    def epoch_name(self) -> str | None:
        """The epoch as clients see it: ``1-9f86d081``; two restores never share one."""
        return None if self.epoch_id is None else epoch_name(self.epoch or 0, self.epoch_id)


class Epoch(NamedTuple):
    """A generation of the log.

    Attributes:
        first_sequence: of its first event, which tells of the restore.
        from_sequence: last event of the epoch before that is still there; None for the first epoch.
        started_at, reason: of the restore.
    """

    epoch: int
    epoch_id: UUID
    first_sequence: int
    from_sequence: int | None
    started_at: datetime
    reason: str | None

    @property
    def name(self) -> str:
        """The epoch as clients see it."""
        return epoch_name(self.epoch, self.epoch_id)


class Home(NamedTuple):
    """A database: identifier of its server, oid there, timeline of the server's WAL; since when.

    Attributes:
        sequence, log_id, epoch_id, identity: where the log stood at ``noted_at``; 0 and None: it was empty.
    """

    system_identifier: int
    database_oid: int
    timeline: int
    since: datetime
    sequence: int
    log_id: UUID | None
    epoch_id: UUID | None
    identity: bytes | None
    noted_at: datetime

    @property
    def place(self) -> tuple[int, int]:
        """What decides: the timeline does not."""
        return self.system_identifier, self.database_oid


class Evidence(NamedTuple):
    """Something in the database that names an event which the log does not have, or has otherwise.

    Attributes:
        source: table that says it, ``views`` for a view. name: which of its rows, or which view.
        sequence: of the event. problem: what is wrong with it, in words.
    """

    source: str
    name: str
    sequence: int
    problem: str


def epoch_name(epoch: int, epoch_id: UUID) -> str:
    """An epoch as clients see it, such as ``2-9f86d081``."""
    return f"{epoch}-{epoch_id.hex[:8]}"


class Identification(Connected):
    """``store.identity``: which log this is, how far it goes, where it is at home."""

    def position(self) -> Position:
        """Identity and head, as the transaction sees them; raises ``Busy`` when it sees empty views."""
        query = SQL(
            """
            SELECT g.log_id, g.epoch, g.epoch_id, artifactstore.log_head()
            FROM (VALUES (1)) one
            LEFT JOIN (SELECT * FROM artifactstore.log_epochs ORDER BY epoch DESC LIMIT 1) g ON true
            """
        )
        (position,) = self._all(args_row(Position), query)
        if position.head and position.epoch is None:
            # Nothing may be answered from them: the registry would look empty.
            problem = (
                f"the log goes to {position.head} and its views are empty: a replay fills them; "
                "if this lasts, run artifactstore replay"
            )
            raise Busy("busy", {"problem": problem, "head": position.head})
        return position

    def epochs(self) -> list[Epoch]:
        """All generations of the log, the first one first."""
        # By number: nobody has counted the epochs for the planner, which takes them for hundreds, and would
        # read the whole log for them.
        query = SQL(
            """
            SELECT g.epoch, g.epoch_id, g.first_sequence, (e.payload -> 'from_sequence')::bigint,
                e.created_at, g.reason
            FROM artifactstore.log_epochs g
            JOIN artifactstore.event_log e ON e.sequence = g.first_sequence
            WHERE e.sequence = ANY (ARRAY(SELECT first_sequence FROM artifactstore.log_epochs))
            ORDER BY g.epoch
            """
        )
        return self._all(args_row(Epoch), query)

    def home(self) -> Home | None:
        """The database in which the log may be written; None until its first event."""
        found = self._all(args_row(Home), SQL("SELECT * FROM artifactstore.home"))
        return found[0] if found else None

    def here(self) -> Home:
        """This database."""
        return self._all(args_row(Home), SQL("SELECT * FROM artifactstore.here()"))[0]

    def adopt(self) -> Home:
        """Make this database the home of the log, where it was moved to and lost nothing.

        Raises ``Refused`` events-lost, when something in the database speaks against that.
        """
        return self._all(args_row(Home), SQL("SELECT * FROM artifactstore.adopt()"))[0]

    def restored(self, reason: str, on_behalf_of: str | None = None, last_shared: int | None = None) -> int:
        """Make it the home of a log that is behind what its followers saw; sequence of the new epoch.

        Args:
            last_shared: the last event that the log has as it was before; by default the last one that
                nothing in the database speaks against.

        Raises ``BadInput`` bad-payload, ``NotFound`` for an empty log or no such event, ``Refused``
        events-lost (a later one than can be), ``Forbidden``, ``Busy``.
        """
        query = SQL("SELECT artifactstore.restored(%s, %s, %s) AS sequence")
        sequence: int = self._row(query, (reason, on_behalf_of, last_shared))["sequence"]
        return sequence

    def evidence(self) -> list[Evidence]:
        """What names events that the log does not have, the lowest sequence first; views come last."""
        query = SQL("SELECT source, name, sequence, problem FROM artifactstore.log_evidence()")
        return self._all(args_row(Evidence), query)

    def check_views(self) -> None:
        """Raise ``Busy`` views-behind if it is seen at once that the live views do not stand at the head."""
        self._row(SQL("SELECT artifactstore.check_views()"))

    def latest_possible(self) -> datetime:
        """What is later than this is ahead of the clock of the database."""
        query = SQL("SELECT clock_timestamp() + artifactstore.clock_tolerance() AS latest")
        latest: datetime = self._row(query)["latest"]
        return latest
