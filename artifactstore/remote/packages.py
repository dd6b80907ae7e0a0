"""Packages of a service, and what their retention lets become of them."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, cast
from uuid import UUID

from artifactstore.client import Client
from artifactstore.errors import NotFound
from artifactstore.remote.translation import PAGE, all_pages, row_of, translated_answers
from artifactstore.store import FileQuery, ManifestEntry, PackageQuery, Row, Verdict

_MANIFEST = 100_000


class RemotePackages:
    """``registry.packages``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def package(self, reference: UUID | str) -> Row:
        """See ``Packages.package``."""
        with translated_answers():
            return row_of(self._client.packages.get(reference))

    def canonical_purl(self, purl: str) -> str:
        """See ``Packages.canonical_purl``."""
        with translated_answers():
            return self._client.service.canonical_purl(purl=purl).purl

    def package_totals(self, package_id: UUID) -> Row:
        """See ``Packages.package_totals``."""
        with translated_answers():
            return row_of(self._client.packages.totals(package_id))

    def files(self, package_id: UUID, *, removed: bool = False) -> Iterator[Row]:
        """See ``Packages.files``."""
        return all_pages(
            lambda after: self._client.files.list(package_id, removed=removed, after=after, limit=PAGE),
            lambda page: page.files,
        )

    def file_at(self, package_id: UUID, path: str) -> Row:
        """See ``Packages.file_at``."""
        with translated_answers():
            files = self._client.files.list(package_id, path=path).files
        if not files:
            raise NotFound("not-found", {"problem": f"file {path}", "file": path})
        return row_of(files[0])

    def location(self, location_id: UUID) -> Row:
        """See ``Packages.location``."""
        with translated_answers():
            location = self._client.locations.get(location_id)
            file = row_of(self._client.files.get(location.file_id))
        return row_of(location) | {name: file[name] for name in ("path", "size", "blake3")}

    def retention(self, package_id: UUID) -> Row:
        """See ``Packages.retention``."""
        with translated_answers():
            return row_of(self._client.retention.get(package_id))

    def holds(self, package_id: UUID) -> list[Row]:
        """See ``Packages.holds``."""
        return list(
            all_pages(
                lambda after: self._client.holds.list(package_id, after=after, limit=PAGE),
                lambda page: page.holds,
            )
        )

    def manifest(self, package_id: UUID) -> Iterator[ManifestEntry]:
        """See ``Packages.manifest``."""
        rows = all_pages(
            lambda after: self._client.packages.manifest(package_id, after=after, limit=_MANIFEST),
            lambda page: page.files,
        )
        return (ManifestEntry(**row) for row in rows)


class RemotePages:
    """``registry.pages``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def package_page(self, where: PackageQuery, after: UUID | None, limit: int) -> Iterator[Row]:
        """See ``Pages.package_page``; a page of the service may have fewer rows, and is no last one then."""
        labels = where.labels or {}
        return islice(
            all_pages(
                lambda last: self._client.packages.list(
                    purl=where.purl,
                    purl_prefix=where.purl_prefix,
                    type=where.type,
                    namespace=where.namespace,
                    name=where.name,
                    state=cast("Any", where.state),
                    actor=where.producer,
                    label=[f"{key}={value}" for key, value in labels.items()],
                    after=last or after,
                    limit=min(limit, PAGE),
                ),
                lambda page: page.packages,
            ),
            limit,
        )

    def files_with_copies(self, where: FileQuery, after: UUID | None, limit: int) -> Iterator[Row]:
        """See ``Pages.files_with_copies``, of all packages."""
        return islice(
            all_pages(
                lambda last: self._client.files.with_copies(
                    path=where.path,
                    blake3=None if where.blake3 is None else where.blake3.hex(),
                    sha256=None if where.sha256 is None else where.sha256.hex(),
                    removed=where.removed,
                    after=last or after,
                    limit=min(limit, PAGE),
                ),
                lambda page: page.files,
            ),
            limit,
        )


class RemoteOverviews:
    """``registry.overviews``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def verdicts(self, package_id: UUID) -> list[Verdict]:
        """See ``Overviews.verdicts``."""
        with translated_answers():
            commands = self._client.packages.commands(package_id).commands
        return [
            Verdict(one.event_type, None if one.refusal is None else dict(one.refusal), one.bypass)
            for one in commands
        ]


class RemoteDue:
    """``registry.retention``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def due(
        self,
        before: datetime | None = None,
        *,
        due: bool | None = None,
        after: UUID | None = None,
        limit: int | None = None,
    ) -> Iterator[Row]:
        """See ``RetentionReads.due``."""
        asked = PAGE if limit is None else min(limit, PAGE)
        rows = all_pages(
            lambda last: self._client.retention.due(at=before, due=due, after=last or after, limit=asked),
            lambda page: page.packages,
        )
        return islice(rows, limit)
