"""What every kind of store does, whatever it is made of."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from artifactstore.errors import ArtifactstoreError, BadInput, NotFound, Refused
from artifactstore.stores.base import PIECE, SMALL, ObjectStore
from artifactstore.stores.keys import made_at
from artifactstore.stores.trial import try_out
from tests.effort import RACES
from tests.stores.kinds import Tried, content, new_key, put, sha256, write_part

SIZES = (0, 1, 4_096, PIECE - 1, PIECE, PIECE + 1, SMALL)
NO_KEYS = (
    "",
    "a",
    "../../etc/passwd",
    "artifactstore.json",
    "00/" + "0" * 32,
    "tmp/x",
    "00/../x",
    "/etc/passwd",
)
AT_ONCE = 16


def refused(code: str, run: Callable[..., object], *arguments: object) -> None:
    """Assert that a call is refused by this code."""
    with pytest.raises(ArtifactstoreError) as refusal:
        run(*arguments)
    assert refusal.value.code == code


def done(allowed: str, run: Callable[..., object], *arguments: object) -> bool:
    """Whether a call was done, and not refused by the one code that it may be refused by."""
    try:
        run(*arguments)
    except Refused as failure:
        if failure.code != allowed:
            raise
        return False
    return True


@pytest.mark.parametrize("size", SIZES)
def test_what_was_put_comes_back(tried: Tried, size: int) -> None:
    data = os.urandom(size)
    key = put(tried.store, data)
    for store in (tried.store, tried.again()):
        assert content(store, key) == data
        assert all(len(piece) <= PIECE for piece in store.read(key))
        info = store.head(key)
        assert info is not None
        assert (info.key, info.size, info.versions) == (key, size, 1)
        assert info.sha256 in (None, sha256(data))
        assert info.modified is not None
        assert abs(info.modified - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, None), (0, 1), (1, 2), (0, 0), (5, 5), (PIECE - 1, PIECE + 1), (7, None), (2 * PIECE, None),
        (2 * PIECE + 9, 2 * PIECE + 10), (2 * PIECE + 10, None), (2 * PIECE + 5, 9 * PIECE),
    ],
)  # fmt: skip
def test_ranges(store: ObjectStore, start: int, end: int | None) -> None:
    data = os.urandom(2 * PIECE + 10)
    key = put(store, data)
    assert b"".join(store.read(key, start, end)) == data[start:end]


def test_what_is_not_there(store: ObjectStore) -> None:
    key = new_key()
    assert store.head(key) is None
    assert store.delete([key]) == {key: "not_found"}
    with pytest.raises(NotFound):
        store.read(key)  # known before an answer begins: not when it is iterated
    with pytest.raises(NotFound):
        store.parts(key, store.begin(new_key(), 1))
    store.abort(key, store.begin(new_key(), 1))
    assert list(store.list()) == []


@pytest.mark.parametrize("key", NO_KEYS)
def test_what_is_no_key_is_refused_everywhere(store: ObjectStore, key: str) -> None:
    for run in (
        lambda: store.put(key, b"", sha256(b"")),
        lambda: store.settle([key]),
        lambda: store.begin(key, 1),
        lambda: store.head(key),
        lambda: store.read(key),
        lambda: store.delete([new_key(), key]),
    ):
        with pytest.raises(BadInput) as refusal:
            run()
        assert refusal.value.code == "bad-uri"
    assert list(store.list()) == []


def test_other_bytes_than_were_said_are_refused_and_nothing_stays(store: ObjectStore) -> None:
    key = new_key()
    refused("digest-mismatch", store.put, key, b"one", sha256(b"two"))
    assert store.head(key) is None
    assert list(store.list()) == []
    put(store, b"one", key)


def test_a_key_is_written_once(store: ObjectStore) -> None:
    key = put(store, b"first")
    refused("id-taken", store.put, key, b"other", sha256(b"other"))
    refused("id-taken", store.put, key, b"first", sha256(b"first"))
    upload = store.begin(key, 5 + store.part_size)
    parts = [
        write_part(store, key, upload, 1, bytes(store.part_size)),
        write_part(store, key, upload, 2, b"other"),
    ]
    refused("id-taken", store.complete, key, upload, parts)
    store.abort(key, upload)
    assert content(store, key) == b"first"


@pytest.mark.parametrize("round_", range(RACES))
def test_of_many_at_once_under_one_key_one_wins(store: ObjectStore, round_: int) -> None:
    key = new_key()
    contents = [bytes([round_, number]) * 500 for number in range(AT_ONCE)]

    def write(data: bytes) -> bool:
        return done("id-taken", store.put, key, data, sha256(data))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        won = [data for data, done in zip(contents, pool.map(write, contents), strict=True) if done]
    assert len(won) == 1
    assert content(store, key) == won[0]
    assert [info.key for info in store.list()] == [key]


def test_an_upload_in_parts(tried: Tried) -> None:
    store, key = tried.store, new_key()
    data = [os.urandom(store.part_size), os.urandom(store.part_size + 1), b"the end"]
    upload = store.begin(key, sum(map(len, data)))
    assert store.parts(key, upload) == []
    # In any order, from any process; one is sent again, with other bytes first.
    write_part(store, key, upload, 2, b"no" * store.part_size)
    third = write_part(store, key, upload, 3, data[2])
    first = write_part(tried.again(), key, upload, 1, data[0])
    second = write_part(store, key, upload, 2, data[1])
    there = tried.again().parts(key, upload)
    assert [(part.number, part.size, part.etag) for part in there] == [
        (part.number, part.size, part.etag) for part in (first, second, third)
    ]
    assert all(part.sha256 in (None, sha256(given)) for part, given in zip(there, data, strict=True))
    assert [(one.key, one.upload_id) for one in store.unfinished()] == [(key, upload)]
    assert store.head(key) is None
    assert list(store.list()) == []
    tried.again().complete(key, upload, there)
    store.settle([key])
    assert content(store, key) == b"".join(data)
    assert list(store.unfinished()) == []
    # The answer was lost, and it is asked again.
    store.complete(key, upload, there)
    store.abort(key, upload)
    assert content(store, key) == b"".join(data)


def test_a_part_with_other_bytes_than_were_said_is_refused(store: ObjectStore) -> None:
    key = new_key()
    upload = store.begin(key, 3)
    refused("digest-mismatch", store.write_part, key, upload, 1, b"one", sha256(b"two"))
    assert store.parts(key, upload) == []
    store.abort(key, upload)


def test_an_upload_that_lacks_a_part_is_not_completed(store: ObjectStore) -> None:
    key = new_key()
    upload = store.begin(key, 6)
    first = write_part(store, key, upload, 1, b"one")
    other = new_key()
    elsewhere = store.begin(other, 3)
    foreign = write_part(store, other, elsewhere, 2, b"two")
    with pytest.raises(Refused):
        store.complete(key, upload, [first, foreign])
    assert store.head(key) is None
    for one, id_ in ((key, upload), (other, elsewhere)):
        store.abort(one, id_)


def test_what_was_aborted_is_gone(store: ObjectStore) -> None:
    key = new_key()
    upload = store.begin(key, 3)
    part = write_part(store, key, upload, 1, b"one")
    store.abort(key, upload)
    store.abort(key, upload)
    assert list(store.unfinished()) == []
    for run in (
        lambda: store.parts(key, upload),
        lambda: write_part(store, key, upload, 1, b"one"),
        lambda: store.complete(key, upload, [part]),
    ):
        with pytest.raises(NotFound):
            run()
    assert store.head(key) is None


@pytest.mark.parametrize("round_", range(RACES))
def test_parts_that_come_while_an_upload_is_given_up_are_refused_or_gone(
    store: ObjectStore, round_: int
) -> None:
    key = new_key()
    upload = store.begin(key, 1_000)

    def write(number: int) -> bool:
        return done("not-found", write_part, store, key, upload, number, bytes([round_, number]))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        written = pool.map(write, range(1, 10 * AT_ONCE))
        store.abort(key, upload)
        list(written)
    store.abort(key, upload)  # what came after the list of a store that lets late parts in
    assert not done("not-found", store.parts, key, upload)
    assert list(store.unfinished()) == []
    assert list(store.list()) == []


def test_unfinished_uploads_tell_when_they_began(store: ObjectStore) -> None:
    begun = {}
    for _ in range(5):
        key = new_key()
        begun[key] = store.begin(key, 1)
    found = list(store.unfinished())
    assert {one.key: one.upload_id for one in found} == begun
    assert all(abs(one.began - made_at(one.key)) < timedelta(minutes=5) for one in found)
    for key, upload in begun.items():
        store.abort(key, upload)


def test_deleted_is_gone_however_often(store: ObjectStore) -> None:
    keys = [put(store, b"x") for _ in range(20)]
    kept = put(store, b"kept")
    gone, never = keys[:10], new_key()
    assert store.delete([*gone, never]) == {**dict.fromkeys(gone, "deleted"), never: "not_found"}
    assert set(store.delete(keys).items()) == {
        *dict.fromkeys(gone, "not_found").items(),
        *dict.fromkeys(keys[10:], "deleted").items(),
    }
    assert all(store.head(key) is None for key in keys)
    assert [info.key for info in store.list()] == [kept]
    assert store.delete([]) == {}


def test_listing_is_in_the_order_of_bytes_from_anywhere(tried: Tried) -> None:
    keys = {put(tried.store, b"x" * number) for number in range(40)}
    foreign = {
        "readme.txt",
        "zz/notes",
        "00-not",
        "é",
        "Upper",
        "aa/deep/er/file",
        "aa.txt",
        "aa-b",
        "tmp2/x",
    }
    for name in foreign:
        tried.put_foreign(name, b"1")
    wanted = sorted(keys | foreign, key=str.encode)
    assert [info.key for info in tried.store.list()] == wanted
    for after in (*wanted, "0", "aa", "aa/", "zzz", "\U0010ffff"):
        listed = [info.key for info in tried.store.list(after)]
        assert listed == [key for key in wanted if key.encode() > after.encode()], after


def test_the_marker_is_replaced_only_as_it_was_seen(store: ObjectStore) -> None:
    found = store.read_marker()
    assert found is not None
    data, version = found
    refused("store-mismatch", store.write_marker, b"{}", None)
    new = store.write_marker(b"{1}", version)
    assert new != version
    refused("store-mismatch", store.write_marker, b"{2}", version)
    assert store.read_marker() == (b"{1}", new)
    store.write_marker(data, new)
    assert list(store.list()) == []


def test_of_many_who_replace_the_marker_one_wins(store: ObjectStore) -> None:
    found = store.read_marker()
    assert found is not None

    def write(number: int) -> bool:
        return done("store-mismatch", store.write_marker, b"{%d}" % number, found[1])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        written = list(pool.map(write, range(AT_ONCE)))
    (winner,) = [number for number, wrote in enumerate(written) if wrote]
    now = store.read_marker()
    assert now is not None
    assert now[0] == b"{%d}" % winner


def test_many_threads_share_a_store(store: ObjectStore) -> None:
    contents = {new_key(): os.urandom(3_000) for _ in range(200)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda one: store.put(one[0], one[1], sha256(one[1])), contents.items()))
        store.settle(list(contents))
        assert list(pool.map(lambda key: content(store, key), contents)) == list(contents.values())
    assert [info.key for info in store.list()] == sorted(contents)


def test_free_is_a_share_or_unknown(store: ObjectStore) -> None:
    free = store.free()
    assert free is None or 0 <= free <= 1


def test_backend_test_finds_nothing_wrong_and_leaves_nothing(tried: Tried) -> None:
    trials = list(try_out(tried.store, tried.settings))
    assert [trial for trial in trials if trial.outcome == "failed"] == []
    assert len(trials) >= 10
    assert list(tried.store.list()) == []
    assert list(tried.store.unfinished()) == []
