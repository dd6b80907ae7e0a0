"""Which log this is and how far it goes."""

from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row
from psycopg.sql import SQL

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
        return None if self.epoch_id is None else f"{self.epoch}-{self.epoch_id.hex[:8]}"


class Identity(Connected):
    """The method of ``Store`` that tells where the log stands."""

    def position(self) -> Position:
        """Identity and head, as the transaction sees them."""
        query = SQL(
            """
            SELECT g.log_id, g.epoch, g.epoch_id, artifactstore.log_head()
            FROM (VALUES (1)) one
            LEFT JOIN (SELECT * FROM artifactstore.log_epochs ORDER BY epoch DESC LIMIT 1) g ON true
            """
        )
        (position,) = self._all(args_row(Position), query)
        return position
