"""The jobs of the keeper on a real log and stores in directories: what goes, what stays, what is recorded."""

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError, Busy, Refused, error
from artifactstore.events import FileRemoved, HoldPlaced, HoldReleased, NewEvent, StorageVerified, new_id
from artifactstore.jobs.content import Sources
from artifactstore.jobs.evict import evict
from artifactstore.jobs.homes import log_home
from artifactstore.jobs.keeper import check as checking
from artifactstore.jobs.keeper import collect as collecting
from artifactstore.jobs.keeper import health
from artifactstore.jobs.keeper import remove as removing
from artifactstore.jobs.keeper.check import Unreachable, check
from artifactstore.jobs.keeper.collect import collect
from artifactstore.jobs.keeper.health import KeeperFinding, keeper_findings
from artifactstore.jobs.keeper.pace import Pace
from artifactstore.jobs.keeper.remove import remove
from artifactstore.jobs.keeper.repair import repair
from artifactstore.jobs.keeper.work import KeeperJob
from artifactstore.store import LogQuery, Store
from artifactstore.stores.base import SMALL, ObjectInfo, Removed
from artifactstore.stores.config import StoreConfig, StoresConfig
from artifactstore.stores.keys import key_in
from artifactstore.stores.local import LocalStore
from artifactstore.stores.opening import Stores
from tests.stores.kept import ANN, begin, connected, ingest, keys, live, local, old_key, purge, put, work

CONTENT = b"what is kept"


@dataclass(frozen=True)
class Kept:
    """A log with two stores, of which ``main`` is looked after."""

    store: Store
    given: StoreConfig
    main: LocalStore
    other: LocalStore
    root: Path

    def work(self, **more: Any) -> KeeperJob:
        """What a job gets."""
        return replace(work(self.store, self.given, self.main), **more)

    def sources(self) -> Sources:
        """Where copies can be read: in both stores."""
        other = StoreConfig(name="other", type="local", root=self.root / "other", min_free=0.0)
        stores = Stores(StoresConfig(None, 1, {"main": self.given, "other": other}))
        return Sources(stores, log_home(self.store))

    def file(self, uri: str) -> Path:
        """Where the bytes of an object of ``main`` are."""
        return self.root / "main" / str(key_in(uri))

    def spoil(self, uri: str, content: bytes) -> None:
        """Write over an object, as nobody should."""
        self.file(uri).chmod(0o640)
        self.file(uri).write_bytes(content)

    def locations(self) -> list[dict[str, Any]]:
        """All locations, the oldest first."""
        query = "SELECT * FROM artifactstore.storage_locations ORDER BY created_sequence, location_id"
        cursor = self.store.connection.execute(query)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def states(self) -> Counter[str]:
        """How many locations of ``main`` are in which state, retired ones by their outcome."""
        return Counter(
            one["retire_outcome"] or one["state"] for one in self.locations() if one["backend"] == "main"
        )


@pytest.fixture
def kept(database: str, tmp_path: Path) -> Iterator[Kept]:
    given, main = local("main", tmp_path / "main")
    _, other = local("other", tmp_path / "other")
    with connected(database) as store:
        begin(store, main, other)
        yield Kept(store, given, main, other, tmp_path)


class Locked(LocalStore):
    """A store that lets nothing go."""

    def delete(self, keys: Sequence[str]) -> Mapping[str, Removed]:
        """Nothing is deleted."""
        return dict.fromkeys(keys, "locked")


class Away(LocalStore):
    """A store that does not answer for some objects."""

    failing: frozenset[str] = frozenset()

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes, unless it is one of those."""
        if key in self.failing:
            raise error("store-unavailable", {"problem": "does not answer", "store": self.name})
        return super().read(key, start, end)


# Remove.


def test_what_was_given_up_long_enough_is_removed_and_told_once(kept: Kept) -> None:
    uri = put(kept.store, kept.main, CONTENT)
    packages = [ingest(kept.store, CONTENT, ("main", uri)) for _ in range(3)]
    stays = put(kept.store, kept.main, b"other")
    ingest(kept.store, b"other", ("main", stays))
    for package in packages:
        purge(kept.store, package)
    early = kept.work()
    remove(early, early.instant - timedelta(days=7))
    assert (kept.file(uri).exists(), early.tally.counts["due"]) == (True, 0)

    job = kept.work()
    remove(job, job.instant)
    assert keys(kept.main) == [key_in(stays)]
    assert kept.states() == {"registered": 1, "detached": 2, "deleted": 1}
    assert (job.tally.counts["removed"], job.tally.counts["removed_bytes"]) == (1, len(CONTENT))
    outcomes = [one["retire_outcome"] for one in kept.locations() if one["uri"] == uri]
    assert outcomes == ["detached", "detached", "deleted"]
    assert {row["actor"] for row in kept.store.log.events(_all()) if "retired" in row["event_type"]} == {
        "system:keeper"
    }


def test_f01_bytes_that_another_package_needs_stay(kept: Kept) -> None:
    """The claim of the purged one is given up at once, however short it is retiring."""
    uri = put(kept.store, kept.main, CONTENT)
    package = ingest(kept.store, CONTENT, ("main", uri))
    ingest(kept.store, CONTENT, ("main", uri))
    purge(kept.store, package)
    job = kept.work()
    remove(job, job.instant - timedelta(days=7))
    assert kept.file(uri).read_bytes() == CONTENT
    assert kept.states() == {"detached": 1, "registered": 1}


def test_what_is_gone_already_is_told_as_not_found(kept: Kept) -> None:
    uri = put(kept.store, kept.main, CONTENT)
    purge(kept.store, ingest(kept.store, CONTENT, ("main", uri)))
    kept.file(uri).unlink()
    job = kept.work()
    remove(job, job.instant)
    assert kept.states() == {"not_found": 1}


def test_what_a_hold_came_over_stays_until_it_is_released(kept: Kept) -> None:
    """The file was removed before; of its bytes, what is still there is kept."""
    uri = put(kept.store, kept.main, CONTENT)
    package = ingest(kept.store, CONTENT, ("main", uri))
    (location,) = kept.locations()
    hold = new_id()
    kept.store.writes.append(
        [
            NewEvent(FileRemoved(package_id=package, reason="r"), location["file_id"], ANN),
            NewEvent(HoldPlaced(hold_id=hold, case="c", reason="r"), package, ANN),
        ]
    )
    job = kept.work()
    remove(job, job.instant)
    assert (kept.file(uri).exists(), kept.states()) == (True, {"retiring": 1})
    kept.store.writes.append([NewEvent(HoldReleased(hold_id=hold, reason="r"), package, ANN)])
    later = kept.work()
    remove(later, later.instant)
    assert (kept.file(uri).exists(), kept.states()) == (False, {"deleted": 1})


def test_more_than_is_allowed_removes_nothing(kept: Kept) -> None:
    for n in range(3):
        uri = put(kept.store, kept.main, b"%d" % n)
        purge(kept.store, ingest(kept.store, b"%d" % n, ("main", uri)))
    job = kept.work()
    with pytest.raises(Refused) as refusal:
        remove(job, job.instant, 2)
    assert (refusal.value.code, refusal.value.detail["max"]) == ("too-many-due", 2)
    assert len(keys(kept.main)) == 3
    remove(job, job.instant, 3)
    assert keys(kept.main) == []


def test_a_dry_run_only_counts(kept: Kept) -> None:
    uri = put(kept.store, kept.main, CONTENT)
    purge(kept.store, ingest(kept.store, CONTENT, ("main", uri)))
    head = kept.store.log.head()
    job = kept.work(dry_run=True)
    remove(job, job.instant)
    assert (job.tally.counts["due"], job.tally.counts["due_bytes"]) == (1, len(CONTENT))
    assert kept.file(uri).exists()
    assert kept.store.log.head() == head


def test_only_what_a_package_names(kept: Kept) -> None:
    uris = [put(kept.store, kept.main, b"%d" % n) for n in range(2)]
    packages = [ingest(kept.store, b"%d" % n, ("main", uri)) for n, uri in enumerate(uris)]
    for package in packages:
        purge(kept.store, package)
    job = kept.work()
    remove(job, job.instant, package_id=packages[0])
    assert keys(kept.main) == [key_in(uris[1])]


def test_what_the_store_keeps_is_told_and_everything_else_goes_on(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removing, "BATCH", 2)
    for n in range(5):
        uri = put(kept.store, kept.main, b"%d" % n)
        purge(kept.store, ingest(kept.store, b"%d" % n, ("main", uri)))
    job = kept.work(place=Locked(kept.given))
    remove(job, job.instant)
    assert (job.tally.counts["locked"], job.tally.counts["removed"]) == (5, 0)
    assert {one.check for one in job.tally.troubles} == {"locked-until"}
    assert kept.states() == {"retiring": 5}


# Collect.


def test_orphans_go_when_no_event_can_name_them_any_more(kept: Kept) -> None:
    live_uri = put(kept.store, kept.main, CONTENT)
    ingest(kept.store, CONTENT, ("main", live_uri))
    young = put(kept.store, kept.main, b"not yet named")
    old, older = old_key(7.9), old_key(8.1)
    for key in (old, older):
        kept.main.put(key, b"never named", _sha256(b"never named"))
    job = kept.work()
    collect(job)
    assert set(keys(kept.main)) == {key_in(live_uri), key_in(young), old}
    counts = job.tally.counts
    assert (counts["collected"], counts["orphan_bytes"], counts["young"]) == (1, len(b"never named"), 2)
    assert job.tally.troubles == []


def test_what_was_retired_and_is_still_there_is_an_orphan(kept: Kept) -> None:
    """Such as bytes that came back with a restore of the store."""
    uri = put(kept.store, kept.main, CONTENT)
    package = ingest(kept.store, CONTENT, ("main", uri))
    purge(kept.store, package)
    remove(kept.work(), kept.store.log.clock())
    kept.main.put(str(key_in(uri)), CONTENT, _sha256(CONTENT))
    collect(kept.work(), orphaned_after=timedelta(0))
    assert keys(kept.main) == []


def test_what_is_retiring_is_no_orphan(kept: Kept) -> None:
    uri = put(kept.store, kept.main, CONTENT)
    purge(kept.store, ingest(kept.store, CONTENT, ("main", uri)))
    collect(kept.work(), orphaned_after=timedelta(0))
    assert keys(kept.main) == [key_in(uri)]


def test_too_many_orphans_stay_until_somebody_says_so(kept: Kept) -> None:
    for _ in range(collecting.FEW + 1):
        kept.main.put(old_key(9), b"x", _sha256(b"x"))
    job = kept.work()
    collect(job)
    assert len(keys(kept.main)) == collecting.FEW + 1
    (trouble,) = job.tally.troubles
    assert (trouble.check, trouble.bad) == ("orphans", True)
    assert f"--max {collecting.FEW + 1}" in str(trouble.fix)
    collect(kept.work(), collecting.FEW + 1)
    assert keys(kept.main) == []


def test_what_is_not_ours_stays_and_is_told(kept: Kept) -> None:
    names = ["notes.txt", "00/notes", f"aa/{old_key(9)[3:]}", "zz/\N{SNOWMAN}"]
    for name in names:
        path = kept.root / "main" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not ours")
    job = kept.work()
    collect(job, 100)
    assert job.tally.counts["foreign"] >= 3
    assert {one.check for one in job.tally.troubles} == {"foreign"}
    assert all((kept.root / "main" / name).exists() for name in names)


def test_live_objects_that_are_not_there_or_of_another_size_are_recorded_once(kept: Kept) -> None:
    uris = [put(kept.store, kept.main, b"content %d" % n) for n in range(3)]
    for n, uri in enumerate(uris):
        ingest(kept.store, b"content %d" % n, ("main", uri))
    kept.file(uris[0]).unlink()
    kept.spoil(uris[1], b"longer than before")
    job = kept.work()
    collect(job)
    failures = {one["uri"]: one["failure"] for one in kept.locations() if one["backend"] == "main"}
    assert failures == {uris[0]: "missing", uris[1]: "size_mismatch", uris[2]: None}
    assert job.tally.counts["failed"] == 2
    again = kept.work()
    collect(again)
    assert (again.tally.counts["failed"], again.tally.troubles) == (0, [])


def test_a_store_that_lost_much_is_away_and_nothing_is_recorded(kept: Kept) -> None:
    uris = [put(kept.store, kept.main, b"%d" % n) for n in range(collecting.FEW + 2)]
    for n, uri in enumerate(uris):
        ingest(kept.store, b"%d" % n, ("main", uri))
    for uri in uris:
        kept.file(uri).unlink()
    with pytest.raises(Busy) as refusal:
        collect(kept.work())
    assert refusal.value.code == "store-unavailable"
    assert kept.states() == {"registered": len(uris)}


def test_uploads_that_nobody_can_finish_are_given_up(kept: Kept) -> None:
    (new,) = kept.store.objects.new_keys(1)
    old = old_key(9)
    for key in (new, old):
        upload = kept.main.begin(key, 20_000_000)
        kept.main.write_part(key, upload, 1, b"part", _sha256(b"part"))
    job = kept.work()
    collect(job)
    assert [one.key for one in kept.main.unfinished()] == [new]
    assert job.tally.counts["unfinished"] == 1


@pytest.mark.parametrize("listed", ["", "a", "ab", "bc", "abc"])
@pytest.mark.parametrize("known", ["", "a", "c", "bc", "abc"])
def test_both_lists_become_one(listed: str, known: str) -> None:
    made = {name: old_key(n + 1) for n, name in enumerate("cba")}
    ordered = dict(zip("abc", sorted(made.values()), strict=True))
    infos = [ObjectInfo(ordered[name], 1) for name in listed]
    rows: list[dict[str, Any]] = [{"uri": f"store:{ordered[name]}"} for name in known]
    found = list(collecting.merged(infos, rows))
    assert [both.key for both in found] == [ordered[name] for name in sorted({*listed, *known})]
    assert [both.key for both in found if both.info is not None] == [ordered[name] for name in listed]
    assert [both.key for both in found if both.row is not None] == [ordered[name] for name in known]


# Check.


def test_never_verified_ones_are_read_first_then_the_oldest(kept: Kept) -> None:
    uris = [put(kept.store, kept.main, b"content %d" % n) for n in range(3)]
    for n, uri in enumerate(uris):
        ingest(kept.store, b"content %d" % n, ("main", uri))
    (first, *_) = kept.locations()
    kept.store.writes.append(
        [
            NewEvent(
                StorageVerified(package_id=first["package_id"], file_id=first["file_id"], method="full_read"),
                first["location_id"],
                ANN,
            )
        ]
    )
    job = kept.work(settings=replace(kept.given, read_every=timedelta(microseconds=1)))
    due = kept.store.keeping.to_read("main", job.instant, job.instant, 10)
    assert [row["uri"] for row in due] == [*sorted({*uris} - {first["uri"]}), first["uri"]]
    head = kept.store.log.head()
    check(job, Unreachable())
    events = [event["event_type"] for event in kept.store.log.events(_all(head))]
    assert events == ["v1.storage.verified"] * 3
    assert kept.states() == {"verified": 3}
    again = kept.work()
    check(again, Unreachable())
    assert again.tally.counts["read"] == 0


@pytest.mark.parametrize(
    ("content", "failure"),
    [(None, "missing"), (b"short", "size_mismatch"), (b"W" + CONTENT[1:], "digest_mismatch")],
    ids=["missing", "size", "digest"],
)
def test_a_bad_object_is_recorded_for_all_that_name_it(
    kept: Kept, content: bytes | None, failure: str
) -> None:
    uri = put(kept.store, kept.main, CONTENT)
    for _ in range(2):
        ingest(kept.store, CONTENT, ("main", uri))
    if content is None:
        kept.file(uri).unlink()
    else:
        kept.spoil(uri, content)
    job = kept.work()
    check(job, Unreachable())
    assert [one["failure"] for one in kept.locations()] == [failure, failure]
    assert (job.tally.counts["failed"], job.tally.counts["verified"]) == (2, 0)
    assert [(one.check, one.bad) for one in job.tally.troubles] == [("failed", True)]


def test_one_that_cannot_be_read_is_told_and_recorded_after_an_hour(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    uris = [put(kept.store, kept.main, b"content %d" % n) for n in range(2)]
    for n, uri in enumerate(uris):
        ingest(kept.store, b"content %d" % n, ("main", uri))
    place, tries = Away(kept.given), Unreachable()
    place.failing = frozenset({str(key_in(uris[0]))})
    for _ in range(3):
        check(kept.work(place=place), tries)
    assert kept.states() == {"registered": 1, "verified": 1}
    monkeypatch.setattr(checking, "_LASTING", 0.0)
    check(kept.work(place=place), tries)
    assert [one["failure"] for one in kept.locations()] == ["unreachable", None]


def test_a_store_of_which_much_cannot_be_read_is_away(kept: Kept) -> None:
    uris = [put(kept.store, kept.main, b"%d" % n) for n in range(10)]
    for n, uri in enumerate(uris):
        ingest(kept.store, b"%d" % n, ("main", uri))
    place = Away(kept.given)
    place.failing = frozenset(str(key_in(uri)) for uri in uris)
    with pytest.raises(Busy) as refusal:
        check(kept.work(place=place), Unreachable())
    assert refusal.value.code == "store-unavailable"
    assert kept.states() == {"registered": 10}


def test_a_pass_of_no_time_reads_nothing_more(kept: Kept) -> None:
    uri = put(kept.store, kept.main, CONTENT)
    ingest(kept.store, CONTENT, ("main", uri))
    job = kept.work()
    check(job, Unreachable(), -1.0)
    assert job.tally.counts["read"] == 0


# Repair and evict.


def both(kept: Kept, content: bytes) -> tuple[str, str]:
    """A file with a copy in each store; their URIs."""
    uris = put(kept.store, kept.main, content), put(kept.store, kept.other, content)
    ingest(kept.store, content, ("main", uris[0]), ("other", uris[1]))
    return uris


@pytest.mark.parametrize(
    ("spoilt", "becomes"), [(None, "not_found"), (b"W" + CONTENT[1:], "retiring")], ids=["missing", "digest"]
)
def test_a_bad_copy_gives_way_to_a_good_one(kept: Kept, spoilt: bytes | None, becomes: str) -> None:
    uri, _ = both(kept, CONTENT)
    if spoilt is None:
        kept.file(uri).unlink()
    else:
        kept.spoil(uri, spoilt)
    check(kept.work(), Unreachable())
    job = kept.work()
    repair(job, kept.sources())
    assert (job.tally.counts["repaired"], job.tally.troubles) == (1, [])
    assert kept.states() == {becomes: 1, "registered": 1}
    (new,) = live(kept.store, "main")
    assert kept.file(new).read_bytes() == CONTENT
    assert new != uri
    later = kept.work()
    remove(later, later.instant)
    assert keys(kept.main) == [key_in(new)]
    repair(again := kept.work(), kept.sources())
    assert again.tally.counts["bad"] == 0


def test_a_large_one_goes_in_parts(kept: Kept) -> None:
    content = os.urandom(SMALL + 1) * 3
    keys_of = []
    for place in (kept.main, kept.other):
        (key,) = kept.store.objects.new_keys(1)
        upload = place.begin(key, len(content))
        size = place.part_size
        pieces = [content[start : start + size] for start in range(0, len(content), size)]
        parts = [
            place.write_part(key, upload, n, piece, _sha256(piece)) for n, piece in enumerate(pieces, start=1)
        ]
        place.complete(key, upload, parts)
        place.settle([key])
        keys_of.append(key)
    ingest(kept.store, content, ("main", f"store:{keys_of[0]}"), ("other", f"store:{keys_of[1]}"))
    kept.spoil(f"store:{keys_of[0]}", b"short")
    collect(kept.work())
    job = kept.work()
    repair(job, kept.sources())
    assert job.tally.counts["repaired"] == 1
    (new,) = live(kept.store, "main")
    assert kept.file(new).read_bytes() == content
    assert list(kept.main.unfinished()) == []


def test_all_that_share_a_bad_object_share_the_new_one(kept: Kept) -> None:
    uri, other = both(kept, CONTENT)
    ingest(kept.store, CONTENT, ("main", uri), ("other", other))
    kept.file(uri).unlink()
    check(kept.work(), Unreachable())
    job = kept.work()
    repair(job, kept.sources())
    assert job.tally.counts["repaired"] == 2
    assert len(live(kept.store, "main")) == 1


def test_without_a_good_copy_nothing_is_deleted_and_it_is_told(kept: Kept) -> None:
    uri, other = both(kept, CONTENT)
    kept.spoil(uri, b"W" + CONTENT[1:])
    path = kept.root / "other" / str(key_in(other))
    path.chmod(0o640)
    path.write_bytes(b"V" + CONTENT[1:])
    check(kept.work(), Unreachable())
    job = kept.work()
    repair(job, kept.sources())
    assert [(one.check, one.bad) for one in job.tally.troubles] == [("lost", True)]
    assert {one["state"] for one in kept.locations()} == {"failed"}, "the source was found bad, too"
    assert kept.file(uri).exists()
    assert path.exists()


def test_evicted_copies_are_removed_and_the_file_is_still_there(kept: Kept) -> None:
    uri, other = both(kept, CONTENT)
    one = list(evict(kept.store, "main", 1, actor=ANN, reason="r"))
    assert one == [], "no other copy is verified"
    check(replace(kept.work(), place=kept.other), Unreachable())
    (dry,) = evict(kept.store, "main", 1, actor=ANN, reason="r", dry_run=True)
    assert (dry.sequence, kept.states()) == (None, {"registered": 1})
    (done,) = evict(kept.store, "main", 1, actor=ANN, reason="r")
    assert done.sequence == kept.store.log.head()
    assert list(evict(kept.store, "main", 1, actor=ANN, reason="r")) == []
    job = kept.work()
    remove(job, job.instant)
    assert (keys(kept.main), keys(kept.other)) == ([], [key_in(other)])
    assert kept.states() == {"deleted": 1}
    assert uri not in live(kept.store, "main")


def test_two_keepers_at_once_do_it_once(kept: Kept) -> None:
    """The second finds it gone, or recorded: nothing is told twice, nothing is an error."""
    uri = put(kept.store, kept.main, CONTENT)
    purge(kept.store, ingest(kept.store, CONTENT, ("main", uri)))
    first = kept.work()
    rows = kept.store.objects.doomed("main", first.instant, 10)
    remove(first, first.instant)
    second = kept.work()
    removing.remove_some(second, rows)
    assert second.tally.counts["overtaken"] == 1
    assert kept.states() == {"deleted": 1}


def test_a_budget_is_kept() -> None:
    """A megabyte at four a second takes a quarter of one, whatever the machine does."""
    pace = Pace(4_000_000, threading.Event())
    began = time.monotonic()
    for _ in range(5):
        pace.spend(250_000)
    assert time.monotonic() - began >= 0.24


def test_failures_of_the_store_end_a_job_and_nothing_is_recorded(kept: Kept) -> None:
    uri = put(kept.store, kept.main, CONTENT)
    purge(kept.store, ingest(kept.store, CONTENT, ("main", uri)))
    (kept.root / "main" / "artifactstore.json").rename(kept.root / "elsewhere")
    with pytest.raises(ArtifactstoreError) as removal:
        remove(kept.work(), kept.store.log.clock())
    with pytest.raises(ArtifactstoreError) as collection:
        collect(kept.work())
    assert {removal.value.code, collection.value.code} == {"store-unavailable"}
    assert kept.file(uri).exists()
    assert kept.states() == {"retiring": 1}


# What doctor tells.


def test_jobs_that_are_behind_failed_or_found_something_are_told(
    kept: Kept, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = put(kept.store, kept.main, CONTENT)
    ingest(kept.store, CONTENT, ("main", uri))
    config = StoresConfig(None, 1, {"main": kept.given})

    def told() -> list[KeeperFinding]:
        return list(keeper_findings(kept.store, config))

    run = "artifactstore keeper run --once --only {} --store main"
    never = "{} never got to its end in the store main"
    assert told() == [], "nobody need have looked after a store of today"
    with monkeypatch.context() as patch:
        patch.setattr(health, "LATE", dict.fromkeys(health.LATE, timedelta(0)))
        assert told() == [("warning", never.format(job), run.format(job)) for job in ("remove", "collect")]
    notes = kept.store.keeper
    for job in ("remove", "collect", "repair"):
        notes.end(notes.begin("main", job), {})
    assert told() == []
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("UPDATE artifactstore.keeper_runs SET ended_at = ended_at - interval '60 h'")
    (late,) = told()
    assert late[:2] == ("warning", "remove got to its end in the store main 2 days ago, the last time")
    notes.end(notes.begin("main", "remove"), {}, "store-unavailable: gone")
    notes.end(notes.begin("main", "repair"), {"lost": 2})
    assert [one[0] for one in told()] == ["warning", "error", "error"]


def _all(since: int = 0) -> LogQuery:
    return LogQuery(since=since)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
