"""keeper run --only replicate: a store gets what the stores have that it mirrors, each content once."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from artifactstore.jobs.content import Sources
from artifactstore.jobs.homes import log_home
from artifactstore.jobs.keeper import mirror as mirroring
from artifactstore.jobs.keeper.mirror import MirrorPlace, mirror
from artifactstore.jobs.keeper.pace import Pace
from artifactstore.jobs.keeper.run import Done, Keeper
from artifactstore.jobs.keeper.work import KeeperJob
from artifactstore.store import Store
from artifactstore.stores.base import SMALL
from artifactstore.stores.config import StoreConfig, StoresConfig
from artifactstore.stores.local import LocalStore
from artifactstore.stores.opening import Stores
from tests.stores.kept import begin, connected, ingest, keys, local, purge, put, work

SAME, OTHER, LARGE = b"in many packages", b"in one", bytes(SMALL + 1)


@dataclass(frozen=True)
class Mirrored:
    """A log with the stores main and shelf; shelf mirrors main."""

    store: Store
    stores: Stores
    main: LocalStore
    shelf: LocalStore
    root: Path

    def keep(self, *, dry_run: bool = False) -> Done:
        """One pass."""
        keeper = Keeper(
            store=self.store,
            stores=self.stores,
            names=("main", "shelf"),
            jobs=("replicate",),
            dry_run=dry_run,
        )
        (done,) = keeper.once()
        assert (done.store, done.job, done.failure) == ("shelf", "replicate", None)
        return done

    def job(self, **more: Any) -> KeeperJob:
        """What the job gets."""
        return replace(work(self.store, self.stores.settings("shelf"), self.shelf), **more)

    def sources(self) -> Sources:
        """Where copies are read."""
        return Sources(self.stores, log_home(self.store))

    def missing(self) -> int:
        """Files that the shelf lacks."""
        return len(self.store.copies.not_mirrored("shelf", ["main"], None, 1_000))


def mirrored(database: str, root: Path, **settings: Any) -> Iterator[Mirrored]:
    """With settings of the shelf."""
    configs = {}
    for name in ("main", "shelf"):
        configs[name], _ = local(name, root / name)
    configs["shelf"] = replace(configs["shelf"], mirror_of=("main",), **settings)
    main, shelf = (LocalStore(given) for given in configs.values())
    with connected(database) as store, Stores(StoresConfig(None, 1, configs)) as stores:
        begin(store, main, shelf)
        yield Mirrored(store, stores, main, shelf, root)


@pytest.fixture
def pair(database: str, tmp_path: Path) -> Iterator[Mirrored]:
    yield from mirrored(database, tmp_path)


def fill(pair: Mirrored) -> None:
    """Five files in main: three of one content in three packages, a large one."""
    uri = put(pair.store, pair.main, SAME)
    for _ in range(3):
        ingest(pair.store, SAME, ("main", uri))
    ingest(pair.store, OTHER, ("main", put(pair.store, pair.main, OTHER)))
    (key,) = pair.store.objects.new_keys(1)
    upload = pair.main.begin(key, len(LARGE))
    part = pair.main.write_part(key, upload, 1, LARGE, hashlib.sha256(LARGE).digest())
    pair.main.complete(key, upload, [part])
    pair.main.settle([key])
    ingest(pair.store, LARGE, ("main", f"store:{key}"))


def contents(place: LocalStore) -> list[bytes]:
    """All that a store has."""
    return sorted(b"".join(place.read(key)) for key in keys(place))


def test_each_content_is_written_once_and_nothing_is_left_to_do(pair: Mirrored) -> None:
    fill(pair)
    gone = ingest(pair.store, b"gone", ("main", put(pair.store, pair.main, b"gone")))
    purge(pair.store, gone)
    counts = pair.keep(dry_run=True).tally.counts
    assert (counts["lacking"], counts["lacking_bytes"]) == (5, 3 * len(SAME) + len(OTHER) + len(LARGE))
    assert keys(pair.shelf) == []
    done = pair.keep()
    assert contents(pair.shelf) == sorted([SAME, OTHER, LARGE])
    wanted = {"lacking": 5, "copied": 5, "shared": 2, "bytes": len(SAME) + len(OTHER) + len(LARGE)}
    assert {name: count for name, count in done.tally.counts.items() if count} == wanted
    (note,) = pair.store.keeper.latest()
    assert (note["store"], note["job"], note["problem"], note["counts"]["copied"]) == (
        "shelf", "replicate", None, 5,
    )  # fmt: skip
    head = pair.store.log.head()
    assert pair.keep().tally.counts["lacking"] == 0
    assert pair.store.log.head() == head


def test_without_sharing_every_file_has_bytes_of_its_own(database: str, tmp_path: Path) -> None:
    for pair in mirrored(database, tmp_path, dedupe=False):
        fill(pair)
        pair.keep()
        assert contents(pair.shelf) == sorted([SAME, SAME, SAME, OTHER, LARGE])


def test_a_content_is_taken_from_whichever_of_its_files_has_a_good_copy(pair: Mirrored) -> None:
    """The bad ones are recorded, and not read again by the next pass."""
    for n in range(3):
        uri = put(pair.store, pair.main, SAME)
        if n < 2:
            (pair.root / "main" / uri.removeprefix("store:")).unlink()
        ingest(pair.store, SAME, ("main", uri))
    done = pair.keep()
    counts = done.tally.counts
    assert (counts["copied"], counts["failed"], contents(pair.shelf)) == (3, 0, [SAME])
    assert {one.check for one in done.troubles} <= {"missing"}
    assert counts["bad"] == len(done.troubles)
    lone = ingest(pair.store, b"lost", ("main", uri := put(pair.store, pair.main, b"lost")))
    (pair.root / "main" / uri.removeprefix("store:")).unlink()
    done = pair.keep()
    assert (done.tally.counts["failed"], done.bad, bool(lone)) == (1, True, True)
    assert pair.keep().tally.counts["lacking"] == 0


def test_a_pass_that_is_cut_off_goes_on_where_it_was(pair: Mirrored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "_ROWS", 2)
    monkeypatch.setattr("artifactstore.jobs.replicate.BATCH", 2)
    fill(pair)
    place, left = MirrorPlace(), [pair.missing()]
    early = pair.job()
    mirror(early, pair.sources(), place, 0.0)
    assert (early.tally.cut, place.after, pair.missing()) == (True, None, 5)
    while pair.missing():
        with monkeypatch.context() as patch:
            # Time for one page: when the pass begins, and before the page.
            clock = SimpleNamespace(monotonic=partial(next, iter([0.0, 0.0]), 2.0))
            patch.setattr(mirroring, "time", clock)
            mirror(pair.job(), pair.sources(), place, 1.0)
        left.append(pair.missing())
    assert left == [5, 3, 1, 0]
    assert place.after is None
    assert contents(pair.shelf) == sorted([SAME, OTHER, LARGE])


def test_it_ends_when_it_is_to_stop_and_what_was_begun_is_left(pair: Mirrored) -> None:
    """Also while it waits for its budget: a byte a second here."""
    fill(pair)
    stopping = threading.Event()
    job = pair.job(stopping=stopping, bytes=Pace(1, stopping))
    threading.Timer(0.5, stopping.set).start()
    mirror(job, pair.sources(), MirrorPlace())
    assert pair.missing() + job.tally.counts["copied"] == 5
    assert pair.missing() > 0
    assert list(pair.shelf.unfinished()) == []
    assert pair.keep().tally.counts["failed"] == 0
    assert pair.missing() == 0


def test_an_object_that_goes_meanwhile_is_written_again_once(
    pair: Mirrored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was known when the pass began is given up before its event: for all files of the content."""
    fill(pair)
    known = put(pair.store, pair.shelf, SAME)
    holder = ingest(pair.store, SAME, ("shelf", known))
    real = type(pair.store.objects).known

    def and_gone(*arguments: object) -> object:
        found = real(*arguments)  # type: ignore[arg-type]
        monkeypatch.undo()
        purge(pair.store, holder)
        return found

    monkeypatch.setattr(type(pair.store.objects), "known", and_gone)
    counts = pair.keep().tally.counts
    assert (counts["copied"], counts["overtaken"]) == (5, 0)
    assert contents(pair.shelf) == sorted([SAME, SAME, OTHER, LARGE])


def test_a_store_that_mirrors_none_has_no_such_job() -> None:
    given = StoreConfig(name="main", type="local", root=Path("/nowhere"))
    stores = Stores(StoresConfig(None, 1, {"main": given}))
    keeper = Keeper(store=None, stores=stores, names=("main",))  # type: ignore[arg-type]
    assert [job for job in ("repair", "replicate") if keeper._concerns(job, "main")] == ["repair"]
