"""Retention by rule: which rules there are, and what they give a package that is about to be created."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import args_row, dict_row
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from artifactstore import codec
from artifactstore.events import NewEvent, PackageCreated, PoliciesSet, Request
from artifactstore.events.models import Retention
from artifactstore.store.base import Connected
from artifactstore.store.prepared import PreparedEvent, with_retention
from artifactstore.store.rows import Appended, Row


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
            purl: in any valid spelling.

        Raises ``BadInput``: invalid-purl, bad-payload for what no package can have.
        """
        NewEvent(PackageCreated(purl=purl, labels=labels or None, media_type=media_type), None, "").payload()
        query = SQL(
            """
            SELECT place, name, mode, days, purl_type, purl_prefix, media_type, labels, applies, unmet
            FROM artifactstore.explain_policies(%s, %s, %s) ORDER BY place
            """
        )
        return self._all(dict_row, query, (purl, None if labels is None else Jsonb(dict(labels)), media_type))

    def set(
        self,
        event: PoliciesSet,
        actor: str,
        expected: int | None = None,
        /,
        request: Request | None = None,
    ) -> Appended:
        """Set the rules, all of them; begins the log if need be.

        Args:
            expected: version of the rules that there are: their ``last_sequence``, 0 if there are none.

        Raises ``BadInput`` bad-payload, ``Refused`` changed or request-mismatch, ``Busy``.
        """
        payload = NewEvent(event, None, actor, request=request).payload()
        query = SQL("SELECT 1, s.* FROM artifactstore.set_policies(%s, %s, %s, %s) s")
        return self._appended(query, (payload, codec.digest(payload), actor, expected))

    def filled(self, events: Sequence[PreparedEvent]) -> Sequence[PreparedEvent]:
        """The events; packages that are created without retention have what the rules give them."""
        new = [place for place, event in enumerate(events) if _wants(event)]
        if not new:
            return events
        filled = list(events)
        for due in self._due(filled[place] for place in new):
            place = new[due.position - 1]
            filled[place] = with_retention(
                filled[place], Retention(mode=due.mode, until=due.until, policy=due.policy)
            )
        return filled

    def _due(self, events: Iterable[PreparedEvent]) -> list[Due]:
        values = [event.values for event in events]
        query = SQL("SELECT * FROM artifactstore.due_policies(%s::text[], %s::jsonb[], %s::text[])")
        labels = [Jsonb(one.get("labels", {})) for one in values]
        purls, media_types = [one["purl"] for one in values], [one.get("media_type") for one in values]
        return self._all(args_row(Due), query, (purls, labels, media_types))


def _wants(event: PreparedEvent) -> bool:
    return event.event_type == PackageCreated.event_type and "retention" not in event.values
