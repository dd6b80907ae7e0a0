"""Random lives of packages that share objects of a store: whatever is live has its bytes (F01 for stores).

The store is a set of URIs. Whoever removes works by what he was told some time ago, once or again; whoever
uploads, names or tells does so whenever he likes. Committed states alone keep them apart.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from artifactstore.errors import ERRORS
from artifactstore.events import (
    Event,
    FileIngested,
    FileRemoved,
    HoldPlaced,
    HoldReleased,
    Location,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackagePurged,
    new_id,
)
from artifactstore.store import Row, Store
from artifactstore.stores.keys import key_in, key_of, made_at, uri_of
from tests.effort import LIVES
from tests.property.runs import Laboratory
from tests.sql.support import ANN, CONTENT, Log

STORE = "main"
DAY = timedelta(days=1)
PACKAGES = 20
AGES = (timedelta(0), 6 * DAY, 7 * DAY + timedelta(hours=1), 9 * DAY)
"""How long ago an object was uploaded: what is older than 8 days and named by nothing is collected."""
LATE = (
    "wrong-state", "legal-hold", "gone", "retired", "no-change", "last-good-copy", "bytes-needed",
    "bytes-going", "upload-expired", "not-retiring",
)  # fmt: skip
"""Refusals that whoever comes late may meet."""
some = st.integers(0, 10**6)


class Lives(RuleBasedStateMachine):
    """Uploads, packages, people, and removers that are slow."""

    connection: psycopg.Connection[Any]
    unguarded: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.undo = self.connection.transaction(force_rollback=True)
        self.undo.__enter__()
        self.log = Log(self.connection)
        self.store = Store(self.connection)
        self.bytes: set[str] = set()
        self.uris: list[str] = []
        self.packages: list[UUID] = []
        self.held: dict[UUID, UUID] = {}
        self.told: list[Row] = []
        self.orphans: list[str] = []

    def teardown(self) -> None:
        self.undo.__exit__(None, None, None)

    def try_append(self, *events: tuple[UUID, Event]) -> bool:
        """Append events, if they are allowed."""
        state = self.log.head, self.log.time
        try:
            with self.connection.transaction():
                self.log.append_all([NewEvent(event, subject, ANN) for subject, event in events])
        except psycopg.Error as failure:
            if failure.sqlstate not in [ERRORS[code].sqlstate for code in LATE]:
                raise
            self.log.head, self.log.time = state
            return False
        return True

    def one(self, things: list[Any], number: int) -> Any:
        """One of them; None if there are none."""
        return things[number % len(things)] if things else None

    def rows(self, condition: str) -> list[Row]:
        """Copies, in the order in which they came."""
        return self.log.query(
            f"SELECT * FROM artifactstore.storage_locations WHERE {condition}"
            " ORDER BY created_sequence, location_id"
        )

    @initialize()
    def begin(self) -> None:
        self.log.append(self.log.log_id, self.log.beginning())
        if self.unguarded:
            self.log.execute(
                "CREATE OR REPLACE FUNCTION artifactstore.check_objects("
                "p_events artifactstore.decoded_event[], p_head bigint)"
                " RETURNS void LANGUAGE sql AS ''"
            )

    @rule(age=st.sampled_from(AGES))
    def upload(self, age: timedelta) -> None:
        milliseconds = round((datetime.now(UTC) - age).timestamp() * 1000)
        tail = new_id().int & ((1 << 80) - 1)
        uri = uri_of(key_of(UUID(int=milliseconds << 80 | tail)))
        self.bytes.add(uri)
        self.uris.append(uri)

    @rule(which=some, objects=st.lists(some, min_size=1, max_size=3))
    def ingest(self, which: int, objects: list[int]) -> None:
        """Into a new package or one that is there; rather what was uploaded last."""
        uris = {self.one(self.uris[-6:], number) for number in objects} - {None}
        if not uris:
            return
        package = self.one(self.packages, which) if which % 3 else None
        if package is None:
            if len(self.packages) == PACKAGES:
                return
            package = new_id()
            self.packages.append(package)
            self.log.append(package, PackageCreated(purl=f"pkg:generic/{package}@1"))
        places = tuple(Location(location_id=new_id(), backend=STORE, uri=uri) for uri in sorted(uris))
        open_ = self.log.value(
            "SELECT state = 'open' FROM artifactstore.artifact_packages WHERE package_id = %s", package
        )
        if open_:
            event = FileIngested(
                package_id=package, path=str(new_id()), size=3, blake3=CONTENT, locations=places
            )
            self.try_append((new_id(), event))

    @rule(which=some)
    def share_what_is_known(self, which: int) -> None:
        (uri,) = self.store.objects.known(STORE, [(CONTENT, 3)])
        if uri is not None:
            self.uris.append(uri)
            self.ingest(which, [-1])

    @rule(which=some)
    def remove_file(self, which: int) -> None:
        files = self.log.query(
            "SELECT f.file_id, f.package_id FROM artifactstore.artifact_files f"
            " JOIN artifactstore.artifact_packages p USING (package_id)"
            " WHERE p.state = 'open' AND f.removed_at IS NULL ORDER BY f.created_sequence"
        )
        if file := self.one(files, which):
            self.try_append((file["file_id"], FileRemoved(package_id=file["package_id"], reason="r")))

    @rule(which=some)
    def purge(self, which: int) -> None:
        if package := self.one(self.packages, which):
            count = self.store.pages.file_count(package)
            self.try_append(
                (package, PackageDeleted(reason="r")), (package, PackagePurged(reason="r", file_count=count))
            )

    @rule(which=some)
    def hold(self, which: int) -> None:
        package = self.one([one for one in self.packages if one not in self.held], which)
        if package is not None:
            hold = new_id()
            state = self.store.packages.package(package)["state"]
            if state != "purged":
                self.log.append(package, HoldPlaced(hold_id=hold, case="c", reason="r"))
                self.held[package] = hold

    @rule(which=some)
    def release(self, which: int) -> None:
        if package := self.one(list(self.held), which):
            self.log.append(package, HoldReleased(hold_id=self.held.pop(package), reason="r"))

    @rule(which=some, what=st.sampled_from(["verified", "failed", "retiring", "detached", "not_found"]))
    def tell_of_a_copy(self, which: int, what: str) -> None:
        copy = self.one(self.rows("retired_at IS NULL"), which)
        if copy is None or (what == "not_found" and copy["uri"] in self.bytes):
            return
        location = copy["location_id"]
        events: dict[str, Event] = {
            "verified": self.log.verified(location),
            "failed": self.log.failed(location),
            "retiring": self.log.retiring(location),
        }
        self.try_append((location, events.get(what) or self.log.retired(location, what)))

    @rule()
    def look(self) -> None:
        """A remover is told what is doomed, and acts on it later."""
        found = self.store.objects.doomed(STORE, self.log.time + DAY, 50)
        held = {package for row in found for package in row["package_ids"]} & self.held.keys()
        assert not held
        self.told += found

    @rule(which=some)
    def delete(self, which: int) -> None:
        if row := self.one(self.told, which):
            self.bytes.discard(row["uri"])

    @rule(which=some)
    def delete_and_tell(self, which: int) -> None:
        if row := self.one(self.told, which):
            self.bytes.discard(row["uri"])
            *others, last = row["location_ids"]
            self.try_append(
                *[(one, self.log.retired(one, "detached")) for one in others],
                (last, self.log.retired(last, "deleted")),
            )

    @rule()
    def list_orphans(self) -> None:
        named = {row["uri"] for row in self.store.objects.all(STORE)}
        limit = datetime.now(UTC) - 8 * DAY
        self.orphans += [uri for uri in sorted(self.bytes - named) if made_at(key_in(uri) or "") < limit]

    @rule(which=some)
    def collect(self, which: int) -> None:
        if uri := self.one(self.orphans, which):
            self.bytes.discard(uri)

    @rule()
    def come_to_rest(self) -> None:
        """Holds end, and what is doomed is removed and told: what is named is live, and is there."""
        for package in list(self.held):
            self.log.append(package, HoldReleased(hold_id=self.held.pop(package), reason="r"))
        while found := self.store.objects.doomed(STORE, self.log.time + DAY, 50):
            for row in found:
                *others, last = row["location_ids"]
                self.bytes.discard(row["uri"])
                assert self.try_append(
                    *[(one, self.log.retired(one, "detached")) for one in others],
                    (last, self.log.retired(last, "deleted")),
                ), row
        named = {row["uri"]: row["live"] for row in self.store.objects.all(STORE)}
        assert all(named.values())
        assert named.keys() <= self.bytes

    @invariant()
    def whatever_is_live_has_its_bytes(self) -> None:
        live = {row["uri"] for row in self.rows("state IN ('registered', 'verified', 'failed')")}
        assert live <= self.bytes, "a live location lacks its bytes"

    @invariant()
    def what_should_be_there_is_told_as_it_is(self) -> None:
        unretired = self.rows("retired_at IS NULL")
        counted = {
            row["uri"]: (row["live"], row["unretired"]) for row in self.store.objects.page(STORE, None, 1_000)
        }
        expected: dict[str, tuple[int, int]] = {}
        for row in unretired:
            live, all_ = expected.get(row["uri"], (0, 0))
            expected[row["uri"]] = (live + (row["state"] != "retiring"), all_ + 1)
        assert counted == expected


def test_f01_whatever_is_live_has_its_bytes_and_nothing_leaks(laboratory: Laboratory) -> None:
    run_state_machine_as_test(
        type("Lives", (Lives,), {"connection": laboratory.connection}),
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=60,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_without_its_door_a_live_location_lacks_its_bytes(laboratory: Laboratory) -> None:
    """What is doomed is removed and then named again: the invariant sees it."""
    unguarded = type("Unguarded", (Lives,), {"unguarded": True, "connection": laboratory.connection})
    life = unguarded()
    try:
        life.begin()
        life.upload(timedelta(0))
        life.ingest(0, [0])
        life.remove_file(0)
        life.look()
        life.delete(0)
        life.whatever_is_live_has_its_bytes()
        life.ingest(0, [0])
        with pytest.raises(AssertionError, match="a live location lacks its bytes"):
            life.whatever_is_live_has_its_bytes()
    finally:
        life.teardown()
