"""Rebuild the live views from the log, and check every digest while the database projects.

SQL ``replay()`` does not compute BLAKE3 (in SQL that would take longer than to project), so a second
connection reads the payloads meanwhile; the replay commits only when all digests fit.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, Error

from artifactstore import codec
from artifactstore.errors import ArtifactstoreError, Damaged, translated
from artifactstore.progress import Progress, from_notices, quiet
from artifactstore.store import Store

_KEEP_ALIVE = 5.0
"""Seconds between signs of life: the server ends a transaction that holds the lock idly for 15."""
_CANCEL_EVERY = 0.2
"""Seconds between cancel requests: one that comes before its query runs is lost."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """``events`` were projected in ``seconds``."""

    events: int
    seconds: float


def replay(store: Store, connect: Callable[[], Connection[Any]], *, progress: Progress = quiet) -> Replayed:
    """Replay on the store's connection, all or nothing; appends and readers wait meanwhile.

    Args:
        connect: opens another connection to the same database.

    Raises:
        Damaged: a hole, or a digest that does not fit.
        ArtifactstoreError: any other, also those of projectors; all name ``sequence`` in ``detail`` when an
            event is the reason. The views are then as they were before.
    """
    with connect() as other:
        checker = _DigestChecker(Store(other), store.connection)
        with translated(), store.connection.transaction():
            checker.start()
            try:
                with from_notices(store.connection, "projecting", progress):
                    row = store.replay()
                while not checker.finished.wait(_KEEP_ALIVE):
                    store.head()
            except ArtifactstoreError:
                if checker.failure is not None:
                    raise checker.failure from None
                raise
            finally:
                checker.stop()
            if checker.failure is not None:
                raise checker.failure
            for _ in check_digests(store, checker.checked):
                pass
    return Replayed(row["head"], row["seconds"])


def check_digests(store: Store, since: int = 0) -> Iterator[int]:
    """Check the digests of the events after ``since``; the sequence of each that is good.

    Raises ``Damaged`` at the first that is not.
    """
    for event in store.stored_events(since):
        if codec.digest(event.payload) != event.payload_digest:
            problem = "the digest is not that of the payload"
            detail = {"sequence": event.sequence, "event_type": event.event_type, "problem": problem}
            raise Damaged("log-damaged", detail)
        yield event.sequence


class _DigestChecker(threading.Thread):
    """Checks digests beside a replay, and cancels the replay when one does not fit."""

    def __init__(self, store: Store, replaying: Connection[Any]) -> None:
        super().__init__(name="digests", daemon=True)
        self.checked = 0
        self.failure: ArtifactstoreError | None = None
        self.finished = threading.Event()
        self._store = store
        self._replaying = replaying
        self._stopping = threading.Event()

    def run(self) -> None:
        try:
            for sequence in check_digests(self._store):
                self.checked = sequence
                if self._stopping.is_set():
                    return
        except ArtifactstoreError as failure:
            self.failure = failure
            self.finished.set()
            while not self._stopping.is_set():
                with suppress(Error):
                    self._replaying.cancel_safe()
                self._stopping.wait(_CANCEL_EVERY)
        finally:
            self.finished.set()

    def stop(self) -> None:
        """Return when the thread does nothing any more."""
        self._stopping.set()
        self.join()
