"""Copies of files, as a service knows them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from uuid import UUID

from artifactstore.client import Client
from artifactstore.client.answers import CopiesTotalsAnswer
from artifactstore.remote.packages import RemotePackages
from artifactstore.remote.translation import PAGE, all_pages, row_of, translated_answers
from artifactstore.store import CopyQuery, Row

_LIVE = ("registered", "verified", "failed")
_FILE = ("file_id", "package_id", "path", "size", "blake3", "sha256")
_COPY = ("location_id", "backend", "uri", "state", "changed_sequence")
_NEVER = datetime.min.replace(tzinfo=UTC)


class RemoteCopies:
    """``registry.copies``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def copy_totals(self, where: CopyQuery) -> Row:
        """See ``Copies.copy_totals``."""
        totals = row_of(self._totals(where))
        return {name: totals[name] for name in ("copies", "bytes", "recent")}

    def other_copies(self, where: CopyQuery) -> list[Row]:
        """See ``Copies.other_copies``."""
        return list(map(row_of, self._totals(where).elsewhere))

    def _totals(self, where: CopyQuery) -> CopiesTotalsAnswer:
        with translated_answers():
            return self._client.copies.totals(
                backend=where.backend, package_id=where.package_id, checked_before=where.checked_before
            )

    def copies_to_check(self, where: CopyQuery) -> Iterator[Row]:
        """See ``Copies.copies_to_check``; all are in memory, as the service pages by id."""
        rows = all_pages(
            lambda after: self._client.copies.list(
                backend=where.backend,
                package_id=where.package_id,
                checked_before=where.checked_before,
                after=after,
                limit=PAGE,
            ),
            lambda page: page.copies,
        )
        yield from sorted(rows, key=lambda row: (row["last_checked_at"] or _NEVER, row["location_id"]))

    def files_with_copies(self, package_id: UUID, paths: Sequence[str] | None = None) -> Iterator[Row]:
        """See ``Copies.files_with_copies``; all copies are in memory, or those of one of the ``paths``."""
        if paths is not None:
            for path in sorted(set(paths), key=str.encode):
                file = RemotePackages(self._client).file_at(package_id, path)
                yield _with_copies(file, RemoteRemovals(self._client).locations(file_id=file["file_id"]))
            return
        copies: dict[UUID, list[Row]] = {}
        for row in RemoteRemovals(self._client).locations(package_id=package_id):
            copies.setdefault(row["file_id"], []).append(row)
        for file in RemotePackages(self._client).files(package_id):
            yield _with_copies(file, copies.get(file["file_id"], ()))


def _with_copies(file: Row, locations: Iterable[Row]) -> Row:
    copies = [{name: row[name] for name in _COPY} for row in locations if row["state"] in _LIVE]
    return {**{name: file[name] for name in _FILE}, "copies": copies}


class RemoteRemovals:
    """``registry.removals``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def locations(self, *, package_id: UUID | None = None, file_id: UUID | None = None) -> Iterator[Row]:
        """See ``Removals.locations``; all are in memory, as the service does not page by path."""
        calls = self._client.locations
        rows = all_pages(
            lambda after: (
                calls.list(file_id, after=after, limit=PAGE)
                if file_id is not None
                else calls.of_package(package_id or UUID(int=0), after=after, limit=PAGE)
            ),
            lambda page: page.locations,
        )
        order = itemgetter("created_sequence", "location_id")
        for row in sorted(rows, key=lambda row: (row["path"].encode(), *order(row))):
            del row["purl"]
            yield row

    def removals(self, package_id: UUID | None = None) -> Iterator[Row]:
        """See ``Removals.removals``."""
        return all_pages(
            lambda after: self._client.removals.list(package_id=package_id, after=after, limit=PAGE),
            lambda page: page.removals,
        )
