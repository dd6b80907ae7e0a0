"""Random use of a local store, by several processes in turn, beside a dictionary: they are always equal."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from artifactstore.errors import NotFound, Refused
from artifactstore.stores.base import ObjectStore, Part
from artifactstore.stores.opening import open_store
from tests.effort import EXAMPLES
from tests.stores.kinds import KINDS, content, initialised, new_key, sha256, write_part

DATA = st.binary(max_size=200)


class Life(RuleBasedStateMachine):
    """Objects and uploads; ``there`` and ``begun`` are what must be in the store."""

    keys = Bundle("keys")
    uploads = Bundle("uploads")

    @initialize()
    def make(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.made = initialised(KINDS["local"], self.directory)
        self.tried = self.made.__enter__()
        self.there: dict[str, bytes] = {}
        self.begun: dict[tuple[str, str], dict[int, tuple[Part, bytes]]] = {}

    @property
    def store(self) -> ObjectStore:
        """Another process each time."""
        return open_store(self.tried.settings)

    @rule(target=keys)
    def key(self) -> str:
        return new_key()

    @rule(key=keys, data=DATA)
    def put(self, key: str, data: bytes) -> None:
        if key in self.there:
            with pytest.raises(Refused):
                self.store.put(key, data, sha256(data))
        else:
            self.store.put(key, data, sha256(data))
            self.store.settle([key])
            self.there[key] = data

    @rule(target=uploads, key=keys)
    def begin(self, key: str) -> tuple[str, str]:
        upload = (key, self.store.begin(key, 100))
        self.begun[upload] = {}
        return upload

    @rule(upload=uploads, number=st.integers(1, 4), data=DATA)
    def part(self, upload: tuple[str, str], number: int, data: bytes) -> None:
        if upload not in self.begun:
            with pytest.raises(NotFound):
                write_part(self.store, *upload, number, data)
        else:
            self.begun[upload][number] = (write_part(self.store, *upload, number, data), data)

    @rule(upload=uploads)
    def complete(self, upload: tuple[str, str]) -> None:
        parts = [self.begun[upload][number] for number in sorted(self.begun.get(upload, {}))]
        given, whole = [part for part, _ in parts], b"".join(data for _, data in parts)
        if upload in self.begun and not parts:
            return
        if upload in self.begun and upload[0] not in self.there:
            self.store.complete(*upload, given)
            self.there[upload[0]] = whole
            del self.begun[upload]
        elif upload in self.begun and self.there[upload[0]] == whole:
            self.store.complete(*upload, given)
            del self.begun[upload]
        elif upload in self.begun or len(self.there.get(upload[0], b"x")) != 0:
            with pytest.raises(Refused):
                self.store.complete(*upload, given)

    @rule(upload=consumes(uploads))
    def abort(self, upload: tuple[str, str]) -> None:
        self.store.abort(*upload)
        self.begun.pop(upload, None)

    @rule(some=st.lists(keys, max_size=4, unique=True))
    def delete(self, some: list[str]) -> None:
        wanted = {key: "deleted" if key in self.there else "not_found" for key in some}
        assert self.store.delete(some) == wanted
        for key in some:
            self.there.pop(key, None)

    @rule(key=keys, start=st.integers(0, 250), length=st.integers(0, 250))
    def read(self, key: str, start: int, length: int) -> None:
        if key in self.there:
            found = b"".join(self.store.read(key, start, start + length))
            assert found == self.there[key][start : start + length]

    @rule(key=keys)
    def page(self, key: str) -> None:
        after = [info.key for info in self.store.list(key)]
        assert after == [one for one in sorted(self.there) if one > key]

    @invariant()
    def equal(self) -> None:
        if not hasattr(self, "there"):
            return
        store = self.store
        listed = [(info.key, info.size) for info in store.list()]
        assert listed == [(key, len(self.there[key])) for key in sorted(self.there)]
        assert all(content(store, key) == data for key, data in self.there.items())
        assert {(one.key, one.upload_id) for one in store.unfinished()} == set(self.begun)
        for upload, parts in self.begun.items():
            assert store.parts(*upload) == [parts[number][0] for number in sorted(parts)]

    def teardown(self) -> None:
        if hasattr(self, "made"):
            self.made.__exit__(None, None, None)
            shutil.rmtree(self.directory)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=EXAMPLES // 2, stateful_step_count=25, deadline=None)
