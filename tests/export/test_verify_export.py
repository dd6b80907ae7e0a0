"""verify-export without a database: a whole export, and every way to damage one, named and located."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

import cbor2
import pytest

from artifactstore import codec
from artifactstore.errors import ArtifactstoreError, BadInput, Damaged
from artifactstore.jobs.exports import verify_export
from artifactstore.jobs.exports.items import MAX_ITEM
from artifactstore.jobs.exports.rows import Trailer, encode_event
from artifactstore.leaves import identity
from tests.export.crafting import changed, check, export_of, header_of, items_of, log, offsets, sealed

EVENTS = log(40, seed=3)
ITEMS = items_of(EVENTS)
EXPORT = export_of(EVENTS)
STARTS = list(offsets(ITEMS))
HEADER = header_of(EVENTS)


def test_a_whole_export_is_summed_up() -> None:
    done = check(EXPORT)
    assert (done.header, done.count, done.bytes) == (HEADER, len(EVENTS), len(EXPORT))
    assert done.identity == identity(EVENTS[-1])
    assert done.digest == codec.digest(EXPORT[: STARTS[-1]])


def test_the_bytes_are_those_that_the_reference_describes() -> None:
    """Read with nothing but a CBOR decoder, in RFC 8949's deterministic encoding."""
    stream = io.BytesIO(EXPORT)
    header, *events, trailer = [cbor2.load(stream) for _ in range(len(EVENTS) + 2)]
    assert stream.read() == b""
    assert header == {
        "format": "artifactstore-export",
        "version": 1,
        "profile": "AS-CBOR/1",
        "log_id": HEADER.log_id.bytes,
        "epoch": HEADER.epoch,
        "epoch_id": HEADER.epoch_id.bytes,
        "from": 1,
        "to": len(EVENTS),
        "before": None,
    }
    first = EVENTS[0]
    assert first.subject_id is not None
    assert events[0] == [
        1,
        1_767_225_600_001_000,
        "v1.system.initialized",
        "system",
        first.subject_id.bytes,
        first.actor,
        first.payload,
        first.payload_digest,
    ]
    assert trailer == {
        "count": len(EVENTS),
        "head": len(EVENTS),
        "digest": codec.digest(EXPORT[: STARTS[-1]]),
    }
    assert b"".join(cbor2.dumps(item, canonical=True) for item in (header, *events, trailer)) == EXPORT


def test_a_later_part_names_the_digest_before_it() -> None:
    part = export_of(EVENTS, first=11)
    done = check(part)
    assert (done.header.first, done.count, done.header.before) == (
        11,
        len(EVENTS) - 10,
        identity(EVENTS[9]),
    )


def test_a_pipe_that_gives_little_at_a_time_is_enough() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 777))

    assert verify_export(Dripping(EXPORT)).digest == check(EXPORT).digest


def refusal(data: bytes) -> ArtifactstoreError:
    with pytest.raises(ArtifactstoreError) as caught:
        check(data)
    return caught.value


def test_every_flipped_bit_is_found() -> None:
    """One random bit of every byte."""
    small = export_of(EVENTS[:8])
    rng = Random(1)  # noqa: S311
    for place in range(len(small)):
        spoiled = bytearray(small)
        spoiled[place] ^= 1 << rng.randrange(8)
        found = refusal(bytes(spoiled))
        assert found.code in ("export-damaged", "unknown-export", "unknown-event-type"), place
        offset = found.detail["offset"]
        assert isinstance(offset, int)
        assert 0 <= offset <= len(small)


def test_every_cut_is_found() -> None:
    small = export_of(EVENTS[:6])
    for size in range(len(small)):
        found = refusal(small[:size])
        assert (found.code, found.exit_code) == ("export-damaged", 6), size
        assert found.detail["offset"] in (size, *offsets([*items_of(EVENTS[:6]), b""]))


def test_nothing_may_follow_the_trailer() -> None:
    for after in (b"\x00", b"\xf6", EXPORT):
        found = refusal(EXPORT + after)
        assert (found.code, found.detail["offset"]) == ("export-damaged", len(EXPORT))


def without(*sequences: int) -> list[bytes]:
    return [item for number, item in enumerate(ITEMS) if number not in sequences]


def instead(sequence: int, item: bytes) -> list[bytes]:
    return [*ITEMS[:sequence], item, *ITEMS[sequence + 1 :]]


def swapped() -> list[bytes]:
    return [*ITEMS[:5], ITEMS[6], ITEMS[5], *ITEMS[7:]]


def restored() -> list[bytes]:
    """The header names another epoch than the last of its events."""
    return [replace(HEADER, epoch=HEADER.epoch + 1).encode(), *ITEMS[1:]]


FIVE = EVENTS[4]
MICROS = cbor2.loads(ITEMS[5])[1]
FITTING: dict[str, tuple[Callable[[], list[bytes]], int, str]] = {
    "hole": (lambda: without(5), 5, "event 5 is missing: the next one is 6"),
    "larger hole": (lambda: without(5, 6, 7), 5, "events 5 to 7 are missing: the next one is 8"),
    "end cut off": (lambda: ITEMS[:-2], len(EVENTS) - 1, "are missing"),
    "twice": (lambda: [*ITEMS[:6], ITEMS[5], *ITEMS[6:]], 6, "event 5 again, or out of order"),
    "wrong order": (swapped, 5, "event 5 is missing: the next one is 6"),
    "more than the header names": (
        lambda: [*ITEMS, changed(EVENTS[-1], sequence=len(EVENTS) + 1)],
        len(EVENTS) + 1,
        "after the last one that the header names",
    ),
    "sequence 0": (lambda: instead(5, changed(FIVE, sequence=0)), 5, "event 0 again"),
    "negative sequence": (lambda: instead(5, changed(FIVE, sequence=-5)), 5, "event -5 again"),
    "time goes back": (
        lambda: instead(5, encode_event(FIVE._replace(created_at=FIVE.created_at - timedelta(days=1)))),
        5,
        "created_at is before",
    ),
    "year 10000": (lambda: instead(5, changed(FIVE, created_at=253402300800000000)), 5, "years 1 to 9999"),
    "wrong digest": (lambda: instead(5, changed(FIVE, payload_digest=bytes(32))), 5, "digest"),
    "short digest": (lambda: instead(5, changed(FIVE, payload_digest=b"")), 5, "digest"),
    "payload of another type": (
        lambda: instead(5, changed(FIVE, payload=codec.encode({"some": "thing"}))),
        5,
        "its payload",
    ),
    "payload that is no CBOR": (lambda: instead(5, changed(FIVE, payload=b"\xff")), 5, "its payload"),
    "empty payload": (lambda: instead(5, changed(FIVE, payload=b"")), 5, "payload has not 1 to 65536 bytes"),
    "large payload": (
        lambda: instead(5, changed(FIVE, payload=bytes(65_537))),
        5,
        "payload has not 1 to 65536",
    ),
    "empty actor": (lambda: instead(5, changed(FIVE, actor="")), 5, "actor has not 1 to 255 bytes"),
    "long actor": (lambda: instead(5, changed(FIVE, actor="é" * 128)), 5, "actor has not 1 to 255 bytes"),
    "actor with U+0000": (lambda: instead(5, changed(FIVE, actor="a\0b")), 5, "U+0000"),
    "other kind": (lambda: instead(5, changed(FIVE, subject_kind="system")), 5, "subject_kind is 'system'"),
    "no subject": (lambda: instead(5, changed(FIVE, subject_id=None)), 5, "no subject_id"),
    "short subject": (lambda: instead(5, changed(FIVE, subject_id=b"abc")), 5, "subject_id has not 16 bytes"),
    "number as text": (lambda: instead(5, changed(FIVE, sequence="5")), 5, "sequence is str, not int"),
    "true as number": (lambda: instead(5, changed(FIVE, sequence=True)), 5, "sequence is bool, not int"),
    "text as bytes": (lambda: instead(5, changed(FIVE, payload="abc")), 5, "payload is str, not bytes"),
    "seven columns": (
        lambda: instead(5, cbor2.dumps([5, MICROS, "a", "b", None, "c", b""])),
        5,
        "eight columns",
    ),
    "nested arrays": (lambda: instead(5, b"\x81" * 2_000 + b"\x00"), 5, "not an event"),
    "number between": (lambda: [*ITEMS[:5], b"\x05", *ITEMS[5:]], 5, "neither an event nor the trailer"),
    "text that is no UTF-8": (
        lambda: instead(5, changed(FIVE, actor="user:ann").replace(b"user:ann", b"user:\xff\xffn")),
        5,
        "not an event",
    ),
    "another beginning": (
        lambda: [ITEMS[0], changed(FIVE, sequence=1, created_at=0), *ITEMS[2:]],
        1,
        "a log begins with v1.system.initialized",
    ),
    "a second beginning": (
        lambda: instead(5, changed(EVENTS[0], sequence=5, created_at=MICROS)),
        5,
        "only once",
    ),
    "of another log": (
        lambda: [replace(HEADER, log_id=UUID(int=1)).encode(), *ITEMS[1:]],
        1,
        "of another log than the header",
    ),
    "a digest of 2^62 bytes": (
        lambda: instead(5, b"\x88\x5b\x40" + bytes(7)),
        5,
        f"more than {MAX_ITEM} bytes",
    ),
    "an array of 2^62 values": (lambda: instead(5, b"\x9b\x40" + bytes(7)), 5, "more than"),
    "an item that is too large": (
        lambda: instead(5, b"\x81\x5a\x00\x02\x00\x00" + bytes(131_072)),
        5,
        "more than",
    ),
    "length that never ends": (lambda: instead(5, b"\x9f" + ITEMS[5][1:] + b"\xff"), 5, "definite"),
    "string in pieces": (lambda: instead(5, b"\x81\x5f\x41a\xff"), 5, "definite"),
    "reserved length": (lambda: instead(5, b"\x9c"), 5, "definite"),
    "long form": (lambda: instead(5, ITEMS[5].replace(b"\x88\x05", b"\x88\x18\x05", 1)), 5, "shortest form"),
    "long form of the array": (lambda: instead(5, b"\x98\x08" + ITEMS[5][1:]), 5, "shortest form"),
    "tag": (lambda: instead(5, b"\xc1" + ITEMS[5]), 5, "a tag"),
    "float": (lambda: instead(5, ITEMS[5].replace(b"\x88\x05", b"\x88\xf9\x45\x00", 1)), 5, "a float"),
    "undefined": (lambda: instead(5, b"\x81\xf7"), 5, "a simple value"),
}


@pytest.mark.parametrize("name", FITTING)
def test_damage_is_named_although_the_digest_over_all_fits(name: str) -> None:
    make, sequence, problem = FITTING[name]
    items = make()
    found = refusal(sealed(items, len(EVENTS), len(EVENTS)))
    assert isinstance(found, Damaged)
    assert found.code == "export-damaged"
    assert problem in str(found.detail["problem"])
    if name != "end cut off":
        assert found.detail["sequence"] == sequence
        offset = found.detail["offset"]
        assert isinstance(offset, int)
        place = (
            next(number for number, (a, b) in enumerate(zip(ITEMS, items, strict=False)) if a != b)
            if (items[: len(ITEMS)] != ITEMS)
            else len(ITEMS)
        )
        places = list(offsets(items))
        assert places[place] <= offset < places[place + 1] if name not in _LATER else True


_LATER = ("of another log",)
"""The header is well-formed; an event tells that it is wrong."""

HEADERS: dict[str, tuple[bytes, str, str]] = {
    "empty file": (b"", "export-damaged", "the file is empty"),
    "text": (b'{"format": "artifactstore"}', "export-damaged", "not an export"),
    "no header": (b"".join(ITEMS[1:]), "export-damaged", "it does not begin with a header"),
    "other format": (
        codec.encode({"format": "other", "version": 1}),
        "export-damaged",
        "not that of an export",
    ),
    "other version": (
        codec.encode({"format": "artifactstore-export", "version": 2}),
        "unknown-export",
        "version 2, this software reads 1",
    ),
    "no version": (codec.encode({"format": "artifactstore-export"}), "unknown-export", "version None"),
    "other profile": (
        codec.encode({"format": "artifactstore-export", "profile": "AS-CBOR/2", "version": 1}),
        "unknown-export",
        "payload profile AS-CBOR/2",
    ),
    "lacks fields": (
        codec.encode({"format": "artifactstore-export", "profile": "AS-CBOR/1", "version": 1}),
        "export-damaged",
        "other fields",
    ),
    "from after to": (
        replace(HEADER, first=9, last=8, before=bytes(32)).encode(),
        "export-damaged",
        "from is after",
    ),
    "no digest before": (replace(HEADER, first=2).encode(), "export-damaged", "lacks the identity"),
    "digest before event 1": (
        replace(HEADER, before=bytes(32)).encode(),
        "export-damaged",
        "lacks the identity",
    ),
    "from 0": (replace(HEADER, first=0).encode(), "export-damaged", "no number from 1"),
    "short digest before": (
        replace(HEADER, first=2, before=b"x").encode(),
        "export-damaged",
        "has not 32 bytes",
    ),
    "keys out of order": (cbor2.dumps({"version": 1, "format": "x"}), "export-damaged", "canonical"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_what_does_not_begin_like_an_export_is_refused_at_byte_0(name: str) -> None:
    data, code, problem = HEADERS[name]
    found = refusal(data)
    assert (found.code, found.detail["offset"]) == (code, 0)
    assert problem in found.message
    assert found.exit_code == (2 if code == "unknown-export" else 6)


TRAILERS: dict[str, tuple[bytes, str]] = {
    "other count": (Trailer(1, len(EVENTS), codec.digest(b"".join(ITEMS))).encode(), "counts other events"),
    "other head": (Trailer(len(EVENTS), 1, codec.digest(b"".join(ITEMS))).encode(), "counts other events"),
    "other digest": (Trailer(len(EVENTS), len(EVENTS), bytes(32)).encode(), "digest of the trailer"),
    "more fields": (codec.encode({"head": 1, "count": 1, "other": 1, "digest": bytes(32)}), "other fields"),
    "header again": (ITEMS[0], "other fields"),
}


@pytest.mark.parametrize("name", TRAILERS)
def test_a_trailer_that_does_not_fit_is_refused(name: str) -> None:
    trailer, problem = TRAILERS[name]
    found = refusal(b"".join(ITEMS) + trailer)
    assert (found.code, found.detail["offset"]) == ("export-damaged", STARTS[-1])
    assert problem in found.message


def test_the_epoch_of_the_header_is_that_of_its_last_event() -> None:
    found = refusal(sealed(restored(), len(EVENTS), len(EVENTS)))
    assert (found.code, found.detail["offset"]) == ("export-damaged", STARTS[-1])
    assert "epoch" in found.message


def test_an_event_type_of_the_future_is_named_as_such() -> None:
    """Newer software made the log: the file is not damaged."""
    found = refusal(sealed(instead(5, changed(FIVE, event_type="v9.file.turned")), len(EVENTS), len(EVENTS)))
    assert isinstance(found, BadInput)
    assert (found.code, found.detail["sequence"], found.detail["offset"]) == (
        "unknown-event-type",
        5,
        STARTS[5],
    )
