"""One object, written in parts as its bytes come by."""

import hashlib
import io
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import TypeAlias

from artifactstore.errors import ArtifactstoreError
from artifactstore.jobs.uploads.budget import MemoryBudget
from artifactstore.jobs.uploads.unfinished import Unfinished
from artifactstore.stores.base import Part, PartsStore
from artifactstore.stores.faults import fault

IN_FLIGHT = 4
"""Parts of one object that are on their way at once."""

Finish: TypeAlias = Callable[[str, str, Sequence[Part]], None]
"""Makes the object of its parts, as ``ObjectStore.complete``."""

_Sent: TypeAlias = Future[tuple[Part, bool]]


class PartsWriter:
    """Takes the bytes of an object piece by piece and writes them in parts.

    What goes wrong is kept as ``failure``, and what comes after that is let pass: the bytes may go to other
    stores too.

    Args:
        present: parts that the store has already, by number; begun: what is known of them here.

    Attributes:
        sent, there: bytes that were written, and that were there already.
    """

    def __init__(
        self,
        store: PartsStore,
        key: str,
        upload_id: str,
        part_size: int,
        pool: Executor,
        budget: MemoryBudget,
        *,
        present: Mapping[int, Part] | None = None,
        begun: Unfinished | None = None,
    ) -> None:
        self.store = store
        self.key = key
        self.failure: ArtifactstoreError | None = None
        self.sent = self.there = 0
        self._upload_id = upload_id
        self._part_size = part_size
        self._pool = pool
        self._budget = budget
        self._present = present or {}
        self._begun = begun
        self._buffer = io.BytesIO()
        self._number = 0
        self._sending: deque[_Sent] = deque()
        self._parts: list[Part] = []

    def take(self, piece: memoryview) -> None:
        """Take the next bytes; waits while too much is on its way."""
        while len(piece) and self.failure is None:
            if not self._buffer.tell():
                self._budget.take(self._part_size)
            room = self._part_size - self._buffer.tell()
            self._buffer.write(piece[:room])
            piece = piece[room:]
            if self._buffer.tell() == self._part_size:
                self._send()

    def complete(self, finish: Finish) -> None:
        """Send the rest, wait for all, and make the object of its parts; not durable before ``settle``."""
        if self._buffer.tell() and self.failure is None:
            self._send()
        self.leave()
        if self.failure is not None:
            return
        try:
            finish(self.key, self._upload_id, self._parts)
        except ArtifactstoreError as failure:
            self.failure = failure
        else:
            if self._begun is not None:
                self._begun.forget()

    def leave(self) -> None:
        """Send no more, and wait for what is on its way; the next run may go on with it."""
        if self._buffer.tell():
            self._drop()
        self._collect(0)

    def abort(self) -> None:
        """Give the upload up."""
        self.leave()
        try:
            self.store.abort(self.key, self._upload_id)
        except ArtifactstoreError as failure:
            self.failure = self.failure or failure  # the keeper aborts what is left
        if self._begun is not None:
            self._begun.forget()

    def _drop(self) -> None:
        self._buffer = io.BytesIO()
        self._budget.give(self._part_size)

    def _send(self) -> None:
        data, self._buffer = self._buffer.getvalue(), io.BytesIO()
        self._number += 1
        self._sending.append(self._pool.submit(self._write, self._number, data))
        self._collect(IN_FLIGHT - 1)

    def _collect(self, most: int) -> None:
        """Wait until at most so many are on their way."""
        while len(self._sending) > most:
            try:
                part, sent = self._sending.popleft().result()
            except ArtifactstoreError as failure:
                self.failure = self.failure or failure
                continue
            self._parts.append(part)
            if sent:
                self.sent += part.size
            else:
                self.there += part.size

    def _write(self, number: int, data: bytes) -> tuple[Part, bool]:
        try:
            sha256 = hashlib.sha256(data).digest()
            present = self._present.get(number)
            if present is not None and self._is(present, len(data), sha256):
                return present, False
            part = self.store.write_part(self.key, self._upload_id, number, data, sha256)
            if self._begun is not None:
                self._begun.note(number, part.etag, sha256)
            fault("upload.part")
            return part, True
        finally:
            self._budget.give(self._part_size)

    def _is(self, part: Part, size: int, sha256: bytes) -> bool:
        """Whether a part that is there holds these bytes."""
        if part.size != size:
            return False
        if part.sha256 is not None:
            return part.sha256 == sha256
        known = self._begun.parts.get(part.number) if self._begun is not None else None
        return known == (part.etag, sha256.hex())
