"""Check every digest of a stretch of the log, also beside a replay."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from psycopg import Connection, Error

from artifactstore import codec
from artifactstore.errors import ArtifactstoreError, Damaged, error
from artifactstore.store import LoggedEvent, Store

_CANCEL_EVERY = 0.2
"""Seconds between cancel requests: one that comes before its query runs is lost."""


def check_digests(store: Store, since: int = 0) -> Iterator[LoggedEvent]:
    """Check the digests of the events after ``since``; each that is good.

    Raises ``Damaged`` at the first that is not.
    """
    for event in store.log.stored_events(since):
        if codec.digest(event.payload) != event.payload_digest:
            problem = "the digest is not that of the payload"
            detail = {"sequence": event.sequence, "event_type": event.event_type, "problem": problem}
            raise Damaged("log-damaged", detail)
        yield event


class DigestChecker(threading.Thread):
    """Checks the digests after ``since`` beside a replay, and cancels the replay when one does not fit.

    ``failure`` is the first that is not.
    """

    def __init__(self, store: Store, replaying: Connection[Any], since: int = 0) -> None:
        super().__init__(name="digests", daemon=True)
        self.failure: ArtifactstoreError | None = None
        self.finished = threading.Event()
        self._since = since
        self._last: LoggedEvent | None = None
        self._store = store
        self._replaying = replaying
        self._stopping = threading.Event()

    def run(self) -> None:
        try:
            for event in check_digests(self._store, self._since):
                self._last = event
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

    def check_rest(self, store: Store) -> None:
        """When finished: check the events that came since it began, in the caller's transaction.

        Raises ``Damaged``, or ``Busy`` rebuild-outdated: the log was replaced meanwhile.
        """
        last = self._last
        if last is not None:
            if list(store.log.stored_events(last.sequence - 1, last.sequence)) != [last]:
                problem = f"foreign: event {last.sequence} was another one when its digest was checked"
                raise error("rebuild-outdated", {"problem": problem})
            self._since = last.sequence
        for event in check_digests(store, self._since):
            self._last = event

    def stop(self) -> None:
        """Return when the thread does nothing any more."""
        self._stopping.set()
        self.join()
