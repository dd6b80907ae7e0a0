"""A store over a hostile network: never a wrong outcome, and always one in bounded time."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from artifactstore.errors import ArtifactstoreError
from artifactstore.stores.base import SMALL, Part
from artifactstore.stores.patience import Patience
from artifactstore.stores.s3 import S3Store
from tests.stores import proxy
from tests.stores.kinds import content, new_key, sha256, write_part
from tests.stores.proxy import Fault, Harm, Proxy, says, says_after
from tests.stores.seaweed import seaweed

PATIENCE = Patience(again=3.0, stall=1.0, connect=1.0)
BOUND = 20.0
"""Seconds: the patience, the requests that look what became of it, and a busy machine."""
ALWAYS = 10_000
PART = 5 * 1024 * 1024
IN_BODY = b"<?xml version='1.0'?>\n<Error><Code>InternalError</Code><Message>We failed.</Message></Error>"
LIGHT, HEAVY = os.urandom(4_096), os.urandom(3 * 1024 * 1024)
"""What goes through obstore, and through boto3."""


@dataclass
class Way:
    """A store behind a proxy, and the same place without one."""

    through: S3Store
    direct: S3Store
    proxy: Proxy


@pytest.fixture
def way() -> Iterator[Way]:
    server = seaweed()
    with Proxy(server.endpoint).running() as between:
        settings = server.settings()
        through = S3Store(server.settings(prefix=settings.prefix, endpoint=between.endpoint), PATIENCE)
        direct = S3Store(settings)
        yield Way(through, direct, between)
        through.close()
        direct.close()


def outcome(way: Way, fault: Fault, run: Callable[[], object]) -> str:
    """``done`` or the code of the error that a call ends with, in bounded time."""
    way.proxy.faults = [fault]
    started, told, detail = time.monotonic(), "done", ""
    try:
        run()
    except ArtifactstoreError as failure:
        told, detail = failure.code, str(failure.detail)
    assert "known-to-all" not in detail
    assert time.monotonic() - started < BOUND
    assert fault.met > fault.after, f"the fault was never met: {way.proxy.seen}"
    way.proxy.faults = []
    return told


PUT = r"^PUT "
ONCE: tuple[tuple[str, Harm], ...] = (
    ("500", says(500, "InternalError")),
    ("500 without a body", says(500)),
    ("SlowDown", says(503, "SlowDown")),
    ("too many", says(429)),
    ("reset", proxy.reset),
    ("stall", proxy.stall),
    ("done, answer lost", proxy.swallow),
    ("done, answer never comes", proxy.swallow_and_stall),
    ("done, and 500 told", says_after(500, IN_BODY)),
    ("done twice", proxy.twice),
    ("wrong ETag", proxy.wrong_etag),
)
ALL: tuple[tuple[str, Harm, str], ...] = (
    ("500", says(500, "InternalError"), "store-unavailable"),
    ("SlowDown", says(503, "SlowDown"), "store-unavailable"),
    ("reset", proxy.reset, "store-unavailable"),
    ("stall", proxy.stall, "store-unavailable"),
    ("denied", says(403, "AccessDenied"), "store-refused"),
    ("no rights, no code", says(403), "store-refused"),
    ("clock", says(403, "RequestTimeTooSkewed"), "store-refused"),
    ("credentials ended", says(403, "ExpiredToken"), "store-refused"),
    ("no such bucket", says(404, "NoSuchBucket"), "store-unavailable"),
    ("no room", says(507, "InsufficientStorage"), "store-full"),
    ("no room for anybody", says(507), "store-full"),
    ("quota", says(403, "QuotaExceeded"), "store-full"),
    ("other bytes came", says(400, "BadDigest"), "digest-mismatch"),
    ("moved", says(301, "PermanentRedirect"), "store-refused"),
)
"""What is done to all requests, and the code that tells it."""


def ids(rows: tuple[tuple[object, ...], ...]) -> list[str]:
    return [str(row[0]) for row in rows]


@pytest.mark.parametrize("data", [LIGHT, HEAVY], ids=["obstore", "boto3"])
@pytest.mark.parametrize(("_", "harm"), ONCE, ids=ids(ONCE))
def test_an_object_is_written_in_spite_of_one_fault(way: Way, _: str, harm: Harm, data: bytes) -> None:
    key = new_key()
    told = outcome(way, Fault(PUT, harm), lambda: way.through.put(key, data, sha256(data)))
    # Twice: the second was refused, and nothing tells that the first was ours.
    assert told == ("id-taken" if harm is proxy.twice else "done")
    assert content(way.direct, key) == data


@pytest.mark.parametrize("data", [LIGHT, HEAVY], ids=["obstore", "boto3"])
@pytest.mark.parametrize(("_", "harm", "code"), ALL, ids=ids(ALL))
def test_what_cannot_be_written_is_told(way: Way, _: str, harm: Harm, code: str, data: bytes) -> None:
    key = new_key()
    assert outcome(way, Fault(PUT, harm, ALWAYS), lambda: way.through.put(key, data, sha256(data))) == code
    assert way.direct.head(key) is None


@pytest.mark.parametrize("data", [LIGHT, HEAVY], ids=["obstore", "boto3"])
def test_a_bit_that_changes_on_the_way_is_refused_by_the_store(way: Way, data: bytes) -> None:
    key = new_key()
    fault = Fault(PUT, proxy.other_bytes)
    assert outcome(way, fault, lambda: way.through.put(key, data, sha256(data))) == "digest-mismatch"
    assert way.direct.head(key) is None


READS: tuple[tuple[str, Harm], ...] = (
    ("500", says(500)),
    ("SlowDown", says(503, "SlowDown")),
    ("reset", proxy.reset),
    ("stall", proxy.stall),
    ("cut", proxy.truncate),
    ("stall within", proxy.stall_within),
)


@pytest.mark.parametrize(("_", "harm"), READS, ids=ids(READS))
def test_what_is_read_is_whole_or_an_error(way: Way, _: str, harm: Harm) -> None:
    data, key = os.urandom(SMALL), new_key()
    way.direct.put(key, data, sha256(data))
    read: list[bytes] = []
    assert outcome(way, Fault("^GET ", harm), lambda: read.append(content(way.through, key))) == "done"
    assert read == [data]
    always = Fault("^GET ", harm, ALWAYS)
    if harm in (proxy.truncate, proxy.stall_within):
        return  # each time there is some progress
    assert outcome(way, always, lambda: content(way.through, key)) == "store-unavailable"


@pytest.mark.parametrize(("_", "harm"), ONCE, ids=ids(ONCE))
def test_a_part_is_written_in_spite_of_one_fault(way: Way, _: str, harm: Harm) -> None:
    key, data = new_key(), [os.urandom(PART), b"end"]
    upload = way.through.begin(key, PART + 3)
    parts: list[Part] = []
    told = outcome(
        way, Fault(r"^PUT .*partNumber=1", harm),
        lambda: parts.append(write_part(way.through, key, upload, 1, data[0])),
    )  # fmt: skip
    assert told == "done"
    parts.append(write_part(way.through, key, upload, 2, data[1]))
    if harm is proxy.wrong_etag:
        with pytest.raises(ArtifactstoreError):
            way.through.complete(key, upload, parts)
        assert way.direct.head(key) is None
    else:
        way.through.complete(key, upload, parts)
        assert content(way.direct, key) == b"".join(data)


COMPLETE: tuple[tuple[str, Harm], ...] = (
    *ONCE,
    ("200 without a body", says(200)),
    ("200 with an error", says(200, "InternalError")),
    ("done, and 200 with an error", says_after(200, IN_BODY)),
    ("done, answer cut", proxy.truncate),
)


@pytest.mark.parametrize(("_", "harm"), COMPLETE, ids=ids(COMPLETE))
def test_an_upload_is_completed_in_spite_of_one_fault(way: Way, _: str, harm: Harm) -> None:
    key, data = new_key(), [os.urandom(PART), b"end"]
    upload = way.through.begin(key, PART + 3)
    parts = [write_part(way.through, key, upload, number, part) for number, part in enumerate(data, 1)]
    fault = Fault(r"^POST .*uploadId=", harm)
    assert outcome(way, fault, lambda: way.through.complete(key, upload, parts)) == "done"
    assert content(way.direct, key) == b"".join(data)


@pytest.mark.parametrize(("_", "harm", "code"), ALL, ids=ids(ALL))
def test_an_upload_that_cannot_go_on_is_told_and_can_be_taken_up(
    way: Way, _: str, harm: Harm, code: str
) -> None:
    key, data = new_key(), [os.urandom(PART), b"end"]
    upload = way.through.begin(key, PART + 3)
    first = write_part(way.through, key, upload, 1, data[0])
    fault = Fault(r"^PUT .*partNumber=2", harm, ALWAYS)
    assert outcome(way, fault, lambda: write_part(way.through, key, upload, 2, data[1])) == code
    never = Fault(r"^POST .*uploadId=", harm, ALWAYS)
    second = write_part(way.through, key, upload, 2, data[1])
    assert outcome(way, never, lambda: way.through.complete(key, upload, [first, second])) == code
    assert way.direct.head(key) is None
    way.direct.complete(key, upload, [first, second])
    assert content(way.direct, key) == b"".join(data)


MARKS: tuple[tuple[str, Harm], ...] = tuple(row for row in ONCE if row[0] not in ("done twice", "wrong ETag"))


@pytest.mark.parametrize(("_", "harm"), MARKS, ids=ids(MARKS))
def test_a_marker_is_written_once_in_spite_of_a_fault(way: Way, _: str, harm: Harm) -> None:
    before = way.direct.write_marker(b"{}", None)
    fault = Fault(PUT, harm)
    assert outcome(way, fault, lambda: way.through.write_marker(b"{1}", before)) == "done"
    found = way.direct.read_marker()
    assert found is not None
    assert found[0] == b"{1}"
    with pytest.raises(ArtifactstoreError) as refusal:
        way.through.write_marker(b"{2}", before)
    assert refusal.value.code == "store-mismatch"


GONE: tuple[tuple[str, Harm], ...] = (*READS[:4], ("done, answer lost", proxy.swallow))


@pytest.mark.parametrize(("_", "harm"), GONE, ids=ids(GONE))
def test_what_is_removed_is_gone_in_spite_of_a_fault(way: Way, _: str, harm: Harm) -> None:
    keys = [new_key() for _ in range(3)]
    for key in keys:
        way.direct.put(key, LIGHT, sha256(LIGHT))
    removed: list[object] = []
    fault = Fault(r"^POST .*\?delete", harm)
    assert outcome(way, fault, lambda: removed.append(way.through.delete(keys))) == "done"
    assert removed == [dict.fromkeys(keys, "deleted")]
    assert [way.direct.head(key) for key in keys] == [None] * 3


@pytest.mark.parametrize(("_", "harm"), READS[:4], ids=ids(READS[:4]))
def test_a_listing_is_whole_in_spite_of_a_fault(way: Way, _: str, harm: Harm) -> None:
    keys = sorted(new_key() for _ in range(3))
    for key in keys:
        way.direct.put(key, LIGHT, sha256(LIGHT))
    listed: list[list[str]] = []
    fault = Fault(r"^GET .*list-type=2", harm)
    assert outcome(way, fault, lambda: listed.append([one.key for one in way.through.list()])) == "done"
    assert listed == [keys]


def test_a_bucket_that_is_away_makes_nothing_missing(way: Way) -> None:
    for line in ("^HEAD ", "^(GET|HEAD) "):
        fault = Fault(line, says(404, "NoSuchBucket"), ALWAYS)
        assert outcome(way, fault, lambda: way.through.head(new_key())) == "store-unavailable"
        assert outcome(way, fault, lambda: way.through.delete([new_key()])) == "store-unavailable"
