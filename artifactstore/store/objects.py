"""Objects of stores: what the log says of them.

An object is named by (backend, URI); the backend is the name of its store. Doomed is one that some location
names and no live one does, for ever: the log refuses to name it again.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.store.base import Connected
from artifactstore.store.rows import Row
from artifactstore.stores.keys import key_of

_PAGE_ROWS = 5_000


class Objects(Connected):
    """``store.objects``: keys, and which objects are known, doomed, or should be there; role service."""

    def new_keys(self, count: int) -> list[str]:
        """Keys for as many new objects, 1 to 10,000; raises ``BadInput`` too-large for other numbers."""
        row = self._row(SQL("SELECT artifactstore.new_object_ids(%s) AS ids"), (count,))
        return [key_of(object_id) for object_id in row["ids"]]

    def known(
        self, backend: str, contents: Sequence[tuple[bytes, int, *tuple[bytes, ...]]]
    ) -> list[str | None]:
        """The URI of an object with each BLAKE3 and size, None where the store has none that is good.

        What is said of a content beside these two does not matter.
        """
        query = SQL("SELECT ordinal, uri FROM artifactstore.known_objects(%s, %s::bytea[], %s::bigint[])")
        digests, sizes = [one[0] for one in contents], [one[1] for one in contents]
        uris: list[str | None] = [None] * len(contents)
        for row in self._all(dict_row, query, (backend, digests, sizes)):
            uris[row["ordinal"] - 1] = row["uri"]
        return uris

    def doomed(
        self,
        backend: str,
        before: datetime,
        limit: int,
        *,
        package_id: UUID | None = None,
        after: Row | None = None,
    ) -> list[Row]:
        """Objects that may be removed, all of whose locations have been retiring since ``before``.

        Oldest doom first, with ``uri``, ``size`` and lists of the same length and order: ``location_ids``
        (detach all but the last, which tells of the removal), ``file_ids``, ``package_ids``,
        ``changed_sequences``. Not what hold or compliance keeps. ``after``: the last row of the page before.
        """
        query = SQL("SELECT * FROM artifactstore.doomed_objects(%s, %s, %s, %s, %s, %s)")
        mark = (None, None) if after is None else (after["retiring_at"], after["location_id"])
        return self._all(dict_row, query, (backend, before, limit, package_id, *mark))

    def page(self, backend: str, after: str | None, limit: int) -> list[Row]:
        """Objects that unretired locations name, by URI in the order of bytes after the URI ``after``.

        With ``size``, ``blake3``, ``sha256``, and how many ``live`` and ``unretired`` locations name each.
        """
        query = SQL("SELECT * FROM artifactstore.object_page(%s, %s, %s)")
        return self._all(dict_row, query, (backend, after, limit))

    def all(self, backend: str) -> Iterator[Row]:
        """As ``page``, one after the other: each object as it was when its page was read."""
        after = None
        while rows := self.page(backend, after, _PAGE_ROWS):
            yield from rows
            after = rows[-1]["uri"]

    def sizes(self, backend: str, sizes: Sequence[int]) -> set[int]:
        """Those of the sizes that a good copy in a backend has: other contents are not known there."""
        query = SQL(
            """
            SELECT DISTINCT f.size FROM artifactstore.artifact_files f
            JOIN artifactstore.storage_locations l USING (file_id)
            WHERE f.size = ANY (%s) AND l.backend = %s AND l.state IN ('registered', 'verified')
            """
        )
        return {row["size"] for row in self._all(dict_row, query, (list(sizes), backend))}
