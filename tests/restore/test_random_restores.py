"""F02, F04: whatever is dumped, lost and restored, a replay ends with the views of the log that is there."""

import copy
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from artifactstore import server
from artifactstore.errors import Busy, Refused
from artifactstore.events import NewEvent, PackageCreated, new_id
from artifactstore.jobs import snapshots
from artifactstore.jobs.replay import replay, replay_online
from artifactstore.jobs.verify import verify
from artifactstore.migrate import migrate
from artifactstore.store import Store
from tests.cli.program import Program
from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.effort import RESTORES
from tests.property.histories import make_random
from tests.restore.drills import run
from tests.restore.worlds import Dump, Open, World

_SOME_PURLS = "SELECT purl FROM artifactstore.artifact_packages ORDER BY md5(purl) LIMIT 3"
KILLED = 0.03
"""Share of the left rebuilds that are those of a killed process, which takes seconds."""


@pytest.fixture(scope="module")
def place(server_conninfo: str, template: str) -> Iterator[Store]:
    """A database in which one history after the other is made and forgotten.

    Over one connection: a new one would compile and plan every function again, which took longest of all.
    """
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    with opener(conninfo)() as connection:
        yield Store(connection)
    drop_database(server_conninfo, conninfo)


def opener(conninfo: str) -> Open:
    """Opens connections as replay wants them."""
    return lambda: psycopg.connect(conninfo, autocommit=True, options="-c timezone=UTC")


@settings(
    max_examples=RESTORES,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
@given(seed=st.integers(0, 2**32 - 1))
def test_after_any_restores_the_views_are_those_of_the_log(place: Store, seed: int) -> None:
    conninfo = place.connection.info.dsn
    world = World(make_random(seed), place, opener(conninfo))
    try:
        world.append(world.rng.randint(2, 8))
        world.dump()
        for _ in range(world.rng.randint(3, 7)):
            step(world, conninfo)
        # Past what was lost: every number is that of some event again.
        world.append(max(1, world.longest - len(world.log) + world.rng.randint(0, 2)))
        ends_equal(world)
    finally:
        note("; ".join(world.told))
        world.forget()


def step(world: World, conninfo: str) -> None:
    """Anything that may happen to a log."""
    chosen = world.rng.choices(
        ("append", "snapshot", "rebuild", "dump", "restore", "replay", "follow"), (5, 2, 3, 2, 3, 1, 3)
    )[0]
    if chosen == "append":
        world.append(world.rng.randint(1, 6))
    elif chosen == "snapshot":
        world.snapshot()
    elif chosen == "rebuild" and world.rng.random() < KILLED:
        kill_a_replay(world, conninfo)
    elif chosen == "rebuild":
        world.leave_rebuild()
    elif chosen == "dump":
        world.dump()
    elif chosen == "follow":
        world.follow()
    elif chosen == "restore":
        world.restore(world.rng.choice(("whole", "whole", "log", "newer")))
        by_the_runbook(world)
    else:
        any_replay(world)


def kill_a_replay(world: World, conninfo: str) -> None:
    """kill -9, wherever it is."""
    process = Program(conninfo, world.store.connection).start("replay")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    time.sleep(world.rng.random())
    process.kill()
    process.communicate()
    world.wait_for_others()
    world.told.append("a replay killed")


def by_the_runbook(world: World) -> None:
    """Views first if they are not there; then the new epoch, at once or after unannounced events."""
    if world.told[-1].startswith("restore of log"):
        package = NewEvent(PackageCreated(purl="pkg:generic/onto-nothing@1"), new_id(), "user:early")
        for refused in (lambda: world.store.writes.append([package]), world.restored, world.snapshot):
            with pytest.raises(Busy, match="views-behind"):
                refused()
    if not world.told[-1].startswith("restore of whole"):
        any_replay(world)
    # A dump of an older history than that which was lost: nothing in the database knows how far they are one.
    known = world.kept == len(world.log)
    if world.rng.random() < 0.3:
        world.append(world.rng.randint(1, 4))
        known = False
    told = world.restored(None if known else world.kept)
    # Whoever saw the lost history may trust what it says to have kept.
    assert world.log[:told] == world.seen[:told]


def any_replay(world: World) -> None:
    """One of the ways to make the views from the log; no event comes or goes."""
    before = world.identities()
    assert before == world.log
    candidates = snapshots.newest(world.store) if world.rng.random() < 0.5 else []
    way: Callable[..., Any] = world.rng.choice((replay, replay_online))
    done, _ = snapshots.begin(
        candidates, lambda one: way(world.store, world.connect, snapshot=one), world.refused
    )
    world.told.append(f"{way.__name__} from {done.since}: {getattr(done, 'dropped', '')}")
    assert world.identities() == before


def ends_equal(world: World) -> None:
    """Views equal to the log, nothing lost is back, no name is free twice, and no snapshot lies."""
    store = world.store
    any_replay(world)
    world.follow()
    assert world.read == world.log
    verification = verify(store, world.connect)
    assert verification.findings == []
    assert verification.identity == world.log[-1]
    for one in store.view_sets.view_sets():
        if store.view_sets.view_set_problem(one.schema_name) is None:
            with store.connection.transaction(force_rollback=True):
                store.rebuilds.rebuild("scratch", one.sequence)
                assert list(store.rebuilds.compare(one.schema_name, "scratch")) == [], one.sequence
    for (purl,) in store.connection.execute(_SOME_PURLS).fetchall():
        with pytest.raises(Refused) as taken:
            store.writes.append([NewEvent(PackageCreated(purl=purl), new_id(), "user:twice")])
        assert taken.value.code == "name-taken"


class Archived(World):
    """The same with the programs of PostgreSQL: pg_dump, and pg_restore --clean where it was."""

    cluster: server.Cluster
    conninfo: str
    archives: Path

    def dump(self) -> None:
        """A dump of the schema alone, as other schemas are another matter."""
        file = str(self.archives / str(len(self.dumps)))
        run(
            self.cluster,
            "pg_dump",
            self.conninfo,
            "--format",
            "custom",
            "--schema",
            "artifactstore",
            "--file",
            file,
        )
        self.dumps.append(Dump({"file": file.encode()}, list(self.log), copy.deepcopy(self.writer)))
        self.told.append(f"pg_dump at {len(self.log)}")

    def restore(self, mode: str) -> None:
        """Only whole."""
        dump = self.rng.choice(self.dumps)
        self.seen = list(self.log)
        restore = ("--clean", "--if-exists", "--exit-on-error", dump.tables["file"].decode())
        run(self.cluster, "pg_restore", self.conninfo, *restore)
        migrate(self.conninfo)
        self.store.connection.close()
        self.store = Store(self.connect())
        self.goes_back_to(dump)
        self.told.append(f"restore of whole by pg_restore to {len(self.log)}, not {mode}")


@pytest.mark.parametrize("seed", range(3))
def test_with_real_dumps_too(cluster: server.Cluster, database: str, seed: int) -> None:
    connect = opener(database)
    world = Archived(make_random(seed), Store(connect()), connect)
    world.cluster, world.conninfo = cluster, database
    world.archives = cluster.sockets.parent / f"dumps-{new_id().hex}"
    world.archives.mkdir()
    cluster.hand_over(world.archives)
    world.append(5)
    world.dump()
    for _ in range(5):
        step(world, database)
    world.leave_rebuild()
    world.restore("whole")
    by_the_runbook(world)
    ends_equal(world)
    world.store.connection.close()
