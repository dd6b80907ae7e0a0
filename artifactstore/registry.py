"""What a registry can be asked, whether it is a database or a service: ``Store``, and ``Remote`` over HTTP.

Commands and jobs that are given one of these do not know which of the two it is. What each method does and
raises, the methods of ``artifactstore.store`` say.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from artifactstore.events import NewEvent, PackageSealed, PoliciesSet, TokenIssued, TokenRevoked
from artifactstore.store.rows import Appended, IssuedToken, ManifestEntry, Row
from artifactstore.store.selection import CopyQuery, LogQuery, PackageQuery


class LogReads(Protocol):
    """``registry.log``."""

    def clock(self) -> datetime: ...
    def head(self) -> int: ...
    def sequence_at(self, instant: datetime, /) -> int: ...
    def events(self, query: LogQuery, /, limit: int | None = None) -> Iterator[Row]: ...
    def newest_events(self, query: LogQuery, /, limit: int) -> list[Row]: ...
    def audit(self, query: LogQuery, /, limit: int | None = None) -> Iterator[Row]: ...
    def newest_audit(self, query: LogQuery, /, limit: int) -> list[Row]: ...
    def package_history(
        self, package_id: UUID, /, *, newest_first: bool = False, limit: int | None = None
    ) -> Iterator[Row]: ...
    def retention_history(self, package_id: UUID, /) -> Iterator[Row]: ...


class EventWrites(Protocol):
    """``registry.writes``.

    Attributes:
        apart: most events about several things that one ``append`` takes; files of one package count as one.
        side_by_side: most calls of ``append`` at once that make it faster.
    """

    @property
    def apart(self) -> int: ...
    @property
    def side_by_side(self) -> int: ...
    def append(self, events: Sequence[NewEvent], /) -> list[Appended]: ...
    def seal(
        self,
        package_id: UUID,
        actor: str,
        *,
        reason: str | None = None,
        expected: int | None = None,
        manifest_digest: bytes | None = None,
    ) -> tuple[Appended, PackageSealed]: ...


class PackageReads(Protocol):
    """``registry.packages``."""

    def package(self, reference: UUID | str, /) -> Row: ...
    def canonical_purl(self, purl: str, /) -> str: ...
    def package_totals(self, package_id: UUID, /) -> Row: ...
    def files(self, package_id: UUID, /, *, removed: bool = False) -> Iterator[Row]: ...
    def file_at(self, package_id: UUID, path: str, /) -> Row: ...
    def location(self, location_id: UUID, /) -> Row: ...
    def retention(self, package_id: UUID, /) -> Row: ...
    def holds(self, package_id: UUID, /) -> list[Row]: ...
    def manifest(self, package_id: UUID, /) -> Iterator[ManifestEntry]: ...


class PageReads(Protocol):
    """``registry.pages``."""

    def package_page(self, where: PackageQuery, after: UUID | None, limit: int, /) -> Iterator[Row]: ...


class DueReads(Protocol):
    """``registry.retention``."""

    def due(
        self,
        before: datetime | None = None,
        /,
        *,
        due: bool | None = None,
        after: UUID | None = None,
        limit: int | None = None,
    ) -> Iterator[Row]: ...


class PolicyKeeping(Protocol):
    """``registry.policies``."""

    def rules(self) -> list[Row]: ...
    def explain(
        self, purl: str, labels: Mapping[str, str] | None = None, media_type: str | None = None
    ) -> list[Row]: ...
    def set(self, event: PoliciesSet, actor: str, expected: int | None = None, /) -> Appended: ...


class CopyReads(Protocol):
    """``registry.copies``."""

    def copy_totals(self, where: CopyQuery, /) -> Row: ...
    def other_copies(self, where: CopyQuery, /) -> list[Row]: ...
    def copies_to_check(self, where: CopyQuery, /) -> Iterator[Row]: ...


class RemovalReads(Protocol):
    """``registry.removals``."""

    def locations(self, *, package_id: UUID | None = None, file_id: UUID | None = None) -> Iterator[Row]: ...
    def removals(self, package_id: UUID | None = None, /) -> Iterator[Row]: ...


class TokenKeeping(Protocol):
    """``registry.tokens``."""

    def tokens(self) -> list[Row]: ...
    def issuing(
        self, event: TokenIssued, actor: str, holder: str, text: str, secret_hash: bytes, /
    ) -> AbstractContextManager[IssuedToken]: ...
    def revoke_token(self, event: TokenRevoked, actor: str, /) -> Appended: ...


class Registry(Protocol):
    """A database, or a service."""

    @property
    def log(self) -> LogReads: ...
    @property
    def writes(self) -> EventWrites: ...
    @property
    def packages(self) -> PackageReads: ...
    @property
    def pages(self) -> PageReads: ...
    @property
    def retention(self) -> DueReads: ...
    @property
    def policies(self) -> PolicyKeeping: ...
    @property
    def copies(self) -> CopyReads: ...
    @property
    def removals(self) -> RemovalReads: ...
    @property
    def tokens(self) -> TokenKeeping: ...
