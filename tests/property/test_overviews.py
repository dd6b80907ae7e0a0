"""A package whole: its past is that of a rebuild, what is told of a command is what the door does to it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from artifactstore import events
from artifactstore.errors import ArtifactstoreError, NotFound
from artifactstore.events import EVENT_TYPES, Event, NewEvent, new_id
from artifactstore.store import Overview, Row, Store, Verdict
from tests.effort import EXAMPLES
from tests.property.histories import allowed_history, make_random
from tests.property.runs import Laboratory, append_rows

DAY = timedelta(days=1)
FILES = 3
WHY = "attempt"

HISTORIES = settings(
    max_examples=EXAMPLES // 4,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)


def until(it: Overview) -> datetime:
    """The end of retention that a client has read; it must name one."""
    end: datetime = it.retention["retain_until"] or it.package["created_at"]
    return end


def id_of(it: Overview) -> UUID:
    """The id of the package."""
    package_id: UUID = it.package["package_id"]
    return package_id


ATTEMPTS: Mapping[str, Callable[[Store, Overview, bool | None], Event]] = {
    "v1.file.ingested": lambda _store, it, _bypass: events.FileIngested(
        package_id=id_of(it), path=WHY, size=0, blake3=bytes(32)
    ),
    "v1.file.removed": lambda _store, it, bypass: events.FileRemoved(
        package_id=id_of(it), reason=WHY, bypass_governance=bypass
    ),
    "v1.package.labeled": lambda _store, _it, _bypass: events.PackageLabeled(set={WHY: "1"}),
    "v1.package.sealed": lambda store, it, _bypass: store.packages.sealing(id_of(it)),
    "v1.package.yanked": lambda _store, _it, _bypass: events.PackageYanked(reason=WHY),
    "v1.package.unyanked": lambda _store, _it, _bypass: events.PackageUnyanked(reason=WHY),
    "v1.package.deleted": lambda _store, _it, bypass: events.PackageDeleted(
        reason=WHY, bypass_governance=bypass
    ),
    "v1.package.restored": lambda _store, _it, _bypass: events.PackageRestored(reason=WHY),
    "v1.package.purged": lambda _store, it, bypass: events.PackagePurged(
        reason=WHY, file_count=it.files, bypass_governance=bypass
    ),
    "v1.retention.applied": lambda _store, _it, _bypass: events.RetentionApplied(
        mode="governance", until=datetime.now(UTC) + DAY
    ),
    "v1.retention.extended": lambda _store, it, _bypass: events.RetentionExtended(
        from_=until(it), to=until(it) + DAY
    ),
    "v1.retention.escalated": lambda _store, _it, _bypass: events.RetentionEscalated(),
    "v1.retention.shortened": lambda _store, it, _bypass: events.RetentionShortened(
        from_=until(it), to=until(it) - DAY, reason=WHY, bypass_governance=True
    ),
    "v1.retention.hold_placed": lambda _store, _it, _bypass: events.HoldPlaced(
        hold_id=new_id(), case=WHY, reason=WHY
    ),
    "v1.retention.hold_released": lambda _store, it, _bypass: events.HoldReleased(
        hold_id=next((one["hold_id"] for one in it.holds if one["released_at"] is None), new_id()), reason=WHY
    ),
}
"""Each command as a client would send it who has read the package, with or without a bypass."""


def test_every_command_on_a_package_is_judged() -> None:
    on_packages = {
        name for name, event in EVENT_TYPES.items() if name.split(".")[1] in ("package", "file", "retention")
    }
    assert set(ATTEMPTS) == on_packages - {"v1.package.created"}


def at_the_door(store: Store, it: Overview, event_type: str, bypass: bool | None = None) -> str | None:
    """The code by which the door refuses the command, None if it takes it; nothing stays."""
    event = ATTEMPTS[event_type](store, it, bypass)
    subject = id_of(it)
    if event.subject_kind == "file":
        removes = event_type == "v1.file.removed" and it.page
        subject = it.page[0]["file_id"] if removes else new_id()
    try:
        with store.connection.transaction(force_rollback=True):
            store.writes.append([NewEvent(event, subject, "user:ann")])
    except ArtifactstoreError as refusal:
        return refusal.code
    return None


@HISTORIES
@given(length=st.integers(2, 60), seed=st.integers(0, 2**32 - 1))
def test_what_is_told_of_a_command_is_what_the_door_does(
    laboratory: Laboratory, length: int, seed: int
) -> None:
    store = Store(laboratory.connection)
    with laboratory.connection.transaction(force_rollback=True):
        append_rows(laboratory.connection, allowed_history(make_random(seed), length, live=True).rows)
        for (package_id,) in package_ids(laboratory):
            it = store.overviews.now(package_id)
            told = store.overviews.verdicts(package_id)
            assert [verdict.event_type for verdict in told] == list(ATTEMPTS)
            for verdict in told:
                code = None if verdict.refusal is None else verdict.refusal["code"]
                assert code == at_the_door(store, it, verdict.event_type), verdict
                if code == "retention-active" and EVENT_TYPES[verdict.event_type].destructive:
                    bypassed = at_the_door(store, it, verdict.event_type, bypass=True)
                    assert verdict.bypass == (bypassed is None), verdict
                else:
                    assert not verdict.bypass


@HISTORIES
@given(length=st.integers(2, 60), seed=st.integers(0, 2**32 - 1))
def test_the_past_of_a_package_is_that_of_a_rebuild(laboratory: Laboratory, length: int, seed: int) -> None:
    random = make_random(seed)
    store = Store(laboratory.connection)
    with laboratory.connection.transaction(force_rollback=True):
        append_rows(laboratory.connection, allowed_history(random, length, live=True).rows)
        at = random.randint(1, length)
        store.rebuilds.rebuild("then", at)
        for (package_id,) in package_ids(laboratory):
            expected = rows_of(laboratory, "then", package_id)
            try:
                past = store.overviews.past(package_id, at, limit=FILES)
            except NotFound:
                assert expected["artifact_packages"] == []
                continue
            live = [row for row in expected["artifact_files"] if row["removed_at"] is None]
            assert [past.package] == expected["artifact_packages"]
            assert [past.retention] == expected["retention_state"]
            assert past.holds == expected["retention_holds"]
            assert (past.files, past.bytes) == (len(live), sum(row["size"] for row in live))
            assert past.page == [with_copies(row, expected) for row in live[:FILES]]
            rest = store.overviews.past(package_id, at, after=live[0]["path"]) if live else past
            assert rest.page == [with_copies(row, expected) for row in live[1:]]
        for (package_id,) in package_ids(laboratory):
            # At the head it is the present, and so is what may be done.
            now = store.overviews.now(package_id)
            told: list[Verdict] = store.overviews.verdicts(package_id)
            assert store.overviews.past(package_id, length) == now._replace(verdicts=told)


def package_ids(laboratory: Laboratory) -> list[tuple[UUID]]:
    """All packages, by id."""
    return laboratory.connection.execute(
        "SELECT package_id FROM artifactstore.artifact_packages ORDER BY package_id"
    ).fetchall()


ORDERS = {
    "artifact_packages": SQL("package_id"),
    "artifact_files": SQL("path, created_sequence"),
    "storage_locations": SQL("created_sequence, location_id"),
    "retention_state": SQL("package_id"),
    "retention_holds": SQL("created_sequence, hold_id"),
}


def rows_of(laboratory: Laboratory, schema: str, package_id: UUID) -> dict[str, list[Row]]:
    """The rows of a package in a view set."""
    found = {}
    with laboratory.connection.cursor(row_factory=dict_row) as cursor:
        for view, order in ORDERS.items():
            query = SQL("SELECT * FROM {} WHERE package_id = %s ORDER BY {}")
            table = Identifier(schema, view)
            found[view] = cursor.execute(query.format(table, order), (package_id,)).fetchall()
    return found


def with_copies(file: Row, expected: dict[str, list[Row]]) -> Row:
    """A file with its locations that are not retired."""
    copies = [
        row
        for row in expected["storage_locations"]
        if row["file_id"] == file["file_id"] and row["retired_at"] is None
    ]
    return {**file, "locations": copies}
