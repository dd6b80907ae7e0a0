"""Packages whose retention has ended, or has not, for tests of what may be destroyed."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from artifactstore import codec
from artifactstore.events import (
    Event,
    HoldPlaced,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackagePurged,
    PackageSealed,
    Retention,
    manifest_digest,
    new_id,
)
from artifactstore.store import Row, Store
from tests.cli.conftest import program
from tests.cli.program import ACTOR, Program
from tests.log.door import ingested

__all__ = ["Registry", "program", "registry"]

LASTING = timedelta(days=365)


class Registry:
    """A registry in which retention ends soon.

    Attributes:
        store: as a superuser. packages: name → id.
    """

    def __init__(self, program: Program, connection: psycopg.Connection) -> None:
        self.program = program
        self.store = Store(connection)
        self.packages: dict[str, UUID] = {}

    def make(
        self,
        name: str,
        *,
        until: timedelta | None = timedelta(milliseconds=300),
        mode: str = "governance",
        state: str = "open",
        held: bool = False,
    ) -> UUID:
        """A package ``pkg:generic/<name>@1`` with retention until so long from now (None: no retention)."""
        package_id = self.packages[name] = new_id()
        retention = None if until is None else Retention(mode=mode, until=self.store.log.clock() + until)
        self.append(package_id, PackageCreated(purl=f"pkg:generic/{name}@1", retention=retention))
        (landed,) = self.store.writes.append([ingested(package_id, "a", b"abc")])
        if state != "open":
            digest = manifest_digest([("a", 3, codec.digest(b"abc"))])
            self.append(
                package_id,
                PackageSealed(
                    manifest_digest=digest, file_count=1, total_bytes=3, as_of=landed.sequence
                ),
            )  # fmt: skip
        if state in ("deleted", "purged"):
            self.append(package_id, PackageDeleted(reason="r", bypass_governance=True))
        if state == "purged":
            self.append(package_id, PackagePurged(reason="r", file_count=1, bypass_governance=True))
        elif held:
            self.append(package_id, HoldPlaced(hold_id=new_id(), case="c", reason="r"))
        return package_id

    def make_all(self) -> set[str]:
        """One package of each kind, some of them due when ``lapse`` returns; the names of those."""
        self.make("open")
        self.make("sealed", state="sealed", mode="compliance")
        self.make("deleted", state="deleted")
        self.make("purged", state="purged")
        self.make("held", held=True)
        self.make("held-deleted", state="deleted", held=True)
        self.make("kept", until=LASTING)
        self.make("locked", until=LASTING, mode="compliance")
        self.make("forever", until=None)
        self.make("forever-deleted", until=None, state="deleted")
        self.lapse()
        return {"open", "sealed", "deleted"}

    def append(self, package_id: UUID, event: Event) -> int:
        """Append an event about a package; its sequence."""
        return self.store.writes.append([NewEvent(event, package_id, ACTOR)])[0].sequence

    def lapse(self) -> datetime:
        """Wait until every retention that ends soon has ended; the end of the last."""
        ends = [self.store.packages.retention(one)["retain_until"] for one in self.packages.values()]
        soon = self.store.log.clock() + timedelta(minutes=1)
        last: datetime = max(end for end in ends if end is not None and end < soon)
        while self.store.log.clock() < last:
            time.sleep(0.02)
        return last

    def rows(self, before: datetime | None = None) -> dict[str, Row]:
        """Name → what ``retention_due`` says."""
        return {
            row["purl"][len("pkg:generic/") : -len("@1")]: row for row in self.store.retention.due(before)
        }

    def states(self) -> dict[str, str]:
        """Name → state of the package."""
        return {name: self.store.packages.package(one)["state"] for name, one in self.packages.items()}

    def destroyed(self) -> list[tuple[str, UUID]]:
        """Type and package of every deletion and purge by a sweep, in order."""
        query = """
            SELECT event_type, subject_id FROM artifactstore.event_log
            WHERE event_type IN ('v1.package.deleted', 'v1.package.purged')
                AND payload ->> 'reason' LIKE 'sweep:%' ORDER BY sequence
            """
        return [(str(kind), package_id) for kind, package_id in self.program.admin.execute(query).fetchall()]


@pytest.fixture
def registry(program: Program) -> Iterator[Registry]:
    """An empty registry on the program's database."""
    with psycopg.connect(program.conninfo, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield Registry(program, connection)
