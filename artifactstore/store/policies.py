"""Retention by rule: which rules there are, and what they give a package that is about to be created."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row, dict_row
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from artifactstore.errors import NotFound
from artifactstore.events import PackageCreated
from artifactstore.events.models import Retention
from artifactstore.store.base import Connected
from artifactstore.store.prepared import PreparedEvent, with_retention
from artifactstore.store.rows import Row


class Due(NamedTuple):
    """Retention that a rule gives; ``position`` from 1."""

    position: int
    mode: str
    until: datetime
    policy: str


class Policies(Connected):
    """``store.policies``."""

    def rules(self) -> list[Row]:
        """The rules in their order: rows of ``retention_policies``."""
        return self._all(dict_row, SQL("SELECT * FROM artifactstore.retention_policies ORDER BY place"), ())

    def explain(
        self, purl: str, labels: Mapping[str, str] | None = None, media_type: str | None = None
    ) -> list[Row]:
        """The rules in their order, with ``applies`` and ``unmet`` for a new package.

        Args:
            purl: in any valid spelling; raises ``BadInput`` invalid-purl.
        """
        query = SQL("SELECT * FROM artifactstore.explain_policies(%s, %s, %s) ORDER BY place")
        return self._all(dict_row, query, (purl, None if labels is None else Jsonb(dict(labels)), media_type))

    def log_id(self) -> UUID:
        """The subject of events that set rules; raises ``NotFound`` for a log that has not begun."""
        query = SQL("SELECT e.subject_id AS log_id FROM artifactstore.events e WHERE e.sequence = 1")
        for row in self._all(dict_row, query, ()):
            log_id: UUID = row["log_id"]
            return log_id
        raise NotFound("not-found", {"what": "log", "problem": "the log has not begun: it has no event yet"})

    def filled(self, events: Sequence[PreparedEvent]) -> Sequence[PreparedEvent]:
        """The events; packages that are created without retention have what the rules give them."""
        new = [place for place, event in enumerate(events) if _wants(event)]
        if not new:
            return events
        filled = list(events)
        for due in self._due(filled[place] for place in new):
            place = new[due.position - 1]
            filled[place] = with_retention(filled[place], Retention(mode=due.mode, until=due.until, policy=due.policy))
        return filled

    def _due(self, events: Iterable[PreparedEvent]) -> list[Due]:
        values = [event.values for event in events]
        query = SQL("SELECT * FROM artifactstore.due_policies(%s::text[], %s::jsonb[], %s::text[])")
        labels = [Jsonb(one.get("labels", {})) for one in values]
        purls, media_types = [one["purl"] for one in values], [one.get("media_type") for one in values]
        return self._all(args_row(Due), query, (purls, labels, media_types))


def _wants(event: PreparedEvent) -> bool:
    return event.event_type == PackageCreated.event_type and "retention" not in event.values
