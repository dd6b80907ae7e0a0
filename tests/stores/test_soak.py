"""Uploads, purges, late and crashing removers and a collector at once, on the real append path and a store.

Windows are of seconds here. No live location ever lacks its bytes; with the doors off, some do.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg

from artifactstore import codec
from artifactstore.errors import ArtifactstoreError, Refused
from artifactstore.jobs.keeper.collect import collect
from artifactstore.jobs.keeper.remove import remove
from artifactstore.store import Store
from artifactstore.stores.base import ObjectStore, Removed
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.local import LocalStore
from tests.effort import SOAK_SECONDS
from tests.stores.kept import (
    begin,
    connected,
    ingest,
    live_without_bytes,
    local,
    purge,
    put,
    set_upload_limit,
    work,
)

WINDOW = timedelta(seconds=2)
MARGIN = timedelta(seconds=1)
CONTENTS = [f"content {n}".encode() for n in range(8)]
UPLOADERS, REMOVERS = 4, 2


class _Crashed(Exception):
    """The remover ends here."""


class LateStore(LocalStore):
    """One whose answers come late; some deletions arrive again, much later, and some callers crash."""

    def __init__(self, config: StoreConfig, chance: random.Random) -> None:
        super().__init__(config)
        self._chance = chance
        self._again: list[str] = []

    def delete(self, keys: Sequence[str]) -> Mapping[str, Removed]:
        """Delete, what was deleted before too, and perhaps do not answer."""
        time.sleep(self._chance.random() * 0.3)
        again = self._chance.sample(self._again, min(len(self._again), 50))
        outcomes = super().delete([*keys, *again])
        self._again += keys
        if self._chance.random() < 0.2:
            raise _Crashed
        return {key: outcomes[key] for key in keys}


class Soak:
    """What all threads share; ``doors``: whether the log refuses to name again what is being removed."""

    def __init__(self, conninfo: str, root: Path, *, doors: bool = True) -> None:
        self.conninfo = conninfo
        self._doors = doors
        self.given, self.place = local("main", root)
        self.ends = threading.Event()
        self.counts: Counter[str] = Counter()
        self.broken: set[str] = set()
        self.failures: list[BaseException] = []
        self._packages: list[UUID] = []
        self._lock = threading.Lock()

    def run(self, seconds: float) -> None:
        """All of them, for so long, or until something is broken; raises what one of them met."""
        with connected(self.conninfo) as store:
            begin(store, self.place)
        tasks: list[Callable[[Store, random.Random], None]] = [self._upload] * UPLOADERS
        tasks += [self._purge, *([self._remove] * REMOVERS), self._collect, self._look]
        threads = [
            threading.Thread(target=self._repeat, args=(task, random.Random(n)))  # noqa: S311
            for n, task in enumerate(tasks)
        ]
        for thread in threads:
            thread.start()
        self.ends.wait(seconds)
        self.ends.set()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]
        with connected(self.conninfo) as store:
            self.broken |= set(live_without_bytes(store, self.place))

    def _repeat(self, task: Callable[[Store, random.Random], None], chance: random.Random) -> None:
        try:
            with connected(self.conninfo) as store:
                while not self.ends.is_set():
                    task(store, chance)
        except BaseException as failure:
            self.failures.append(failure)
            self.ends.set()
            raise

    def _upload(self, store: Store, chance: random.Random) -> None:
        content = chance.choice(CONTENTS)
        (uri,) = store.objects.known("main", [(codec.digest(content), len(content))])
        if uri is None or chance.random() < 0.3:
            uri = put(store, self.place, content)
        if chance.random() < 0.1:
            self.counts["given up"] += 1
            return
        time.sleep(chance.choices([0.0, 0.05, 0.3, WINDOW.total_seconds() * 1.2], [10, 4, 4, 1])[0])
        try:
            package = ingest(store, content, ("main", uri))
        except Refused as refusal:
            if refusal.code not in ("bytes-going", "upload-expired"):
                raise
            self.counts[refusal.code] += 1
            return
        self.counts["ingested"] += 1
        with self._lock:
            self._packages.append(package)

    def _purge(self, store: Store, chance: random.Random) -> None:
        with self._lock:
            chance.shuffle(self._packages)
            chosen = self._packages.pop() if len(self._packages) > 4 else None
        if chosen is None:
            time.sleep(0.02)
        else:
            purge(store, chosen)
            self.counts["purged"] += 1

    def _remove(self, store: Store, chance: random.Random) -> None:
        late = LateStore(self.given, chance)
        for _ in range(5):
            job = work(store, self.given, late, stopping=self.ends)
            with suppress(_Crashed):
                try:
                    remove(job, job.instant)
                except Refused as refusal:
                    # Its bytes are gone, and it is named again: that is what the others are to see.
                    if self._doors or refusal.code != "bytes-needed":
                        raise
            self.counts["removed"] += job.tally.counts["removed"]
            time.sleep(0.05)

    def _collect(self, store: Store, chance: random.Random) -> None:
        late: ObjectStore = LateStore(self.given, chance)
        job = work(store, self.given, late, stopping=self.ends)
        with suppress(_Crashed):
            try:
                collect(job, most=10**6, orphaned_after=WINDOW + MARGIN)
            except ArtifactstoreError as refusal:
                if refusal.code != "store-unavailable":  # with the doors off much may be missing
                    raise
        self.counts["collected"] += job.tally.counts["collected"]
        self.counts["missing"] += job.tally.counts["failed"]
        time.sleep(0.3)

    def _look(self, store: Store, _chance: random.Random) -> None:
        self.broken |= set(live_without_bytes(store, self.place))
        if self.broken:
            self.ends.set()
        time.sleep(0.2)


def test_no_live_location_ever_lacks_its_bytes(database: str, tmp_path: Path) -> None:
    set_upload_limit(database, WINDOW)
    soak = Soak(database, tmp_path / "main")
    soak.run(SOAK_SECONDS)
    assert soak.broken == set(), soak.counts
    for what in ("ingested", "purged", "removed", "given up"):
        assert soak.counts[what] > 0, soak.counts


def test_with_the_doors_off_some_do(database: str, tmp_path: Path) -> None:
    set_upload_limit(database, WINDOW)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "CREATE OR REPLACE FUNCTION artifactstore.check_objects("
            "p_events artifactstore.decoded_event[], p_head bigint) RETURNS void LANGUAGE sql STABLE AS ''"
        )
    soak = Soak(database, tmp_path / "main", doors=False)
    soak.run(60)
    assert soak.broken != set(), soak.counts
