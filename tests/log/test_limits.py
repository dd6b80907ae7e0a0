"""What append refuses before it takes the lock: shape, sizes, missing values, unknown types.

GAP10 (many events in one append) is in test_gapless.
"""

from collections.abc import Callable, Sequence
from typing import Any

import cbor2
import pytest

from artifactstore import codec
from artifactstore.events import NewEvent, PackageLabeled, new_id
from artifactstore.jobs.verify import verify
from artifactstore.store import Store
from tests.databases import Connect
from tests.log.door import (
    about,
    append,
    append_arrays,
    append_json,
    append_payloads,
    created,
    id_of,
    ingested,
    refused,
    scalar,
)

MAX_PAYLOAD = 65_536
MAX_EVENTS = 100_000
Arrays = dict[str, list[Any] | None]


def arrays_of(*events: NewEvent) -> Arrays:
    """The arguments of ``append`` by name."""
    payloads = [event.payload() for event in events]
    return {
        "types": [event.event.event_type for event in events],
        "subjects": [event.subject_id for event in events],
        "actors": [event.actor for event in events],
        "payloads": payloads,
        "digests": [codec.digest(payload) for payload in payloads],
        "expected": [event.expected for event in events],
    }


def labels_of(size: int) -> bytes:
    """A payload of exactly ``size`` bytes, for v1.package.labeled: 66 labels, the last as long as needed."""

    def encode(last: int) -> bytes:
        lengths = [1000] * 64 + [500, last]
        labels = {f"{number:03}": "x" * length for number, length in enumerate(lengths)}
        return cbor2.dumps({"set": labels}, canonical=True)

    payload = encode(500 + size - len(encode(500)))
    assert len(payload) == size
    return payload


def test_largest_payload(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    package = created()
    append(service, package)
    label = about(package, PackageLabeled(set={"a": "1"}))
    (row,) = append_payloads(service, [label], [labels_of(MAX_PAYLOAD)])
    assert row.sequence == 3
    stored = "SELECT octet_length(payload) FROM artifactstore.events WHERE sequence = 3"
    assert scalar(observer, stored) == MAX_PAYLOAD
    with refused(observer, "too-large") as refusal:
        append_payloads(service, [label], [labels_of(MAX_PAYLOAD + 1)])
    assert str(MAX_PAYLOAD) in refusal.detail["problem"]
    assert refusal.detail["position"] == 1


def test_append_json_has_the_same_limit(connect: Connect) -> None:
    writer, observer = connect("writer"), connect()
    package_id = new_id()
    append_json(writer, "v1.package.created", package_id, {"purl": "pkg:generic/a@1"})
    largest, larger = (cbor2.loads(labels_of(size)) for size in (MAX_PAYLOAD, MAX_PAYLOAD + 1))
    with refused(observer, "bad-payload") as refusal:
        append_json(writer, "v1.package.labeled", package_id, larger)
    assert str(MAX_PAYLOAD) in refusal.detail["problem"]
    assert append_json(writer, "v1.package.labeled", package_id, largest) == 3


def test_most_events_in_one_append(connect: Connect) -> None:
    """GAP10: over the limit, the limit is named and nothing is left behind."""
    service, observer = connect("service"), connect()
    package = created()
    append(service, package)
    fill = "array_fill({}, ARRAY[%s])"
    query = "SELECT artifactstore.append({}, {}, {}, {}, {})".format(
        *(
            fill.format(value)
            for value in (
                "'v1.package.labeled'::text",
                f"'{package.subject_id}'::uuid",
                "'u:a'::text",
                "%b",
                "%b",
            )
        )
    )
    payload = about(package, PackageLabeled(set={"a": "1"})).payload()

    def many(count: int, body: bytes) -> list[object]:
        return [count, count, count, body, count, codec.digest(body), count]

    with refused(observer, "too-large") as refusal:
        service.execute(query.encode(), many(MAX_EVENTS + 1, payload))
    assert refusal.detail | {"events": MAX_EVENTS + 1, "limit": MAX_EVENTS} == refusal.detail
    with refused(observer, "too-large") as refusal:
        service.execute(query.encode(), many(1_025, labels_of(MAX_PAYLOAD)))
    assert refusal.detail | {"bytes": 1_025 * MAX_PAYLOAD, "limit": 1_024 * MAX_PAYLOAD} == refusal.detail
    with refused(observer, "too-large"):
        append(service)
    for name in ("types", "payloads"):
        with refused(observer, "too-large" if name == "types" else "bad-payload"):
            append_arrays(service, *(arrays_of(created()) | {name: None}).values())


def test_arrays_have_one_length(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    for name in arrays_of():
        for change in (lambda values: values[:1], lambda values: [*values, values[0]], lambda _: []):
            arrays = arrays_of(created(), created())
            arrays[name] = change(arrays[name])
            code = "too-large" if name == "types" and not arrays[name] else "bad-payload"
            with refused(observer, code):
                append_arrays(service, *arrays.values())


BAD_ELEMENTS: dict[str, tuple[str, object, str]] = {
    "no type": ("types", None, "unknown-event-type"),
    "empty type": ("types", "", "unknown-event-type"),
    "unknown type": ("types", "v9.package.created", "unknown-event-type"),
    "no subject": ("subjects", None, "bad-subject"),
    "no actor": ("actors", None, "bad-actor"),
    "empty actor": ("actors", "", "bad-actor"),
    "256 bytes of actor": ("actors", "a" * 256, "bad-actor"),
    "256 bytes, 255 characters of actor": ("actors", "a" * 254 + "ä", "bad-actor"),
    "no payload": ("payloads", None, "bad-payload"),
    "empty payload": ("payloads", b"", "bad-payload"),
    "payload that is no map": ("payloads", b"\x01", "bad-payload"),
    "trailing byte": ("payloads", created().payload() + b"\x00", "bad-payload"),
    "payload of another type": ("payloads", PackageLabeled(set={"a": "1"}), "bad-payload"),
    "no digest": ("digests", None, "bad-digest"),
    "31 bytes of digest": ("digests", b"\x00" * 31, "bad-digest"),
    "33 bytes of digest": ("digests", b"\x00" * 33, "bad-digest"),
    "empty digest": ("digests", b"", "bad-digest"),
}


@pytest.mark.parametrize("position", [1, 3])
def test_bad_element_is_named_by_its_position(connect: Connect, position: int) -> None:
    service, observer = connect("service"), connect()
    append(service, created())
    for name, (array, value, code) in BAD_ELEMENTS.items():
        arrays = arrays_of(created(), created(), created())
        values = arrays[array]
        assert values is not None
        element = about(new_id(), value).payload() if isinstance(value, PackageLabeled) else value
        values[position - 1] = element
        with refused(observer, code) as refusal:
            append_arrays(service, *arrays.values())
        assert refusal.detail["position"] == position, name


def test_digest_is_vouched_for_by_the_service(connect: Connect) -> None:
    """append does not compute it (docs/explanation/doors-and-projectors.md); verify finds a wrong one."""
    arrays = arrays_of(created(), created())
    arrays["digests"] = [bytes(32), codec.digest(created().payload())]
    append_arrays(connect("service"), *arrays.values())
    findings = verify(Store(connect()), connect).findings
    assert [(finding.kind, finding.sequence) for finding in findings] == [("digest", 2), ("digest", 3)]


def test_longest_actor(connect: Connect) -> None:
    actors = ["a" * 255, "ä" * 127 + "a", "x"]
    append(connect("service"), *(created(actor=actor) for actor in actors))
    stored = connect().execute("SELECT actor FROM artifactstore.events WHERE sequence > 1 ORDER BY sequence")
    assert [actor for (actor,) in stored] == actors


def test_append_json_refuses_what_is_missing(connect: Connect) -> None:
    writer, observer = connect("writer"), connect()
    append(connect("service"), created())
    payload = {"purl": "pkg:generic/a@1"}
    calls: dict[str, tuple[str | None, object, object]] = {
        "unknown-event-type": (None, new_id(), payload),
        "bad-subject": ("v1.package.created", None, payload),
        "bad-payload": ("v1.package.created", new_id(), None),
    }
    for code, (event_type, subject_id, body) in calls.items():
        with refused(observer, code):
            append_json(writer, event_type, subject_id, body)  # type: ignore[arg-type]
    with refused(observer, "unknown-event-type"):
        append_json(writer, "v1.package.renamed", new_id(), payload)
    for text in ("null", "[]", '"a"', "1", "{}", '{"purl": 1}', '{"purl": "pkg:generic/a@1", "x": 1}'):
        with refused(observer, "bad-payload"):
            append_json(writer, "v1.package.created", new_id(), text)


def test_bad_input_is_refused_while_the_log_is_locked(connect: Connect) -> None:
    """What does not depend on the log is judged before the lock, so a bad command waits for nobody."""
    holder, service, observer = connect("service", autocommit=False), connect("service"), connect()
    append(holder, created())
    bad: Sequence[tuple[str, Callable[[], object]]] = (
        ("too-large", lambda: append(service)),
        ("bad-actor", lambda: append(service, created(actor=""))),
        ("bad-payload", lambda: append_payloads(service, [created()], [b"\xa0"])),
        ("invalid-purl", lambda: append(service, created("pkg:pypi/Upper@1"))),
    )
    service.execute("SET lock_timeout = '1ms'")
    for code, call in bad:
        with refused(observer, code):
            call()
    with refused(observer, "busy"):
        append(service, created())


def test_unbounded_text_never_reaches_an_index(connect: Connect) -> None:
    """An unbounded uri would hit the row limit of an index as a raw 54000."""
    service, observer = connect("service"), connect()
    package = created()
    append(service, package)
    payload = {
        "path": "a",
        "size": 0,
        "blake3": bytes(32),
        "locations": [{"uri": "f" * 2049, "backend": "file", "location_id": new_id().bytes}],
        "package_id": id_of(package).bytes,
    }
    file = ingested(id_of(package), "a")
    with refused(observer, "bad-payload"):
        append_payloads(service, [file], [cbor2.dumps(payload, canonical=True)])
    payload["locations"] = [{"uri": "ü" * 1024, "backend": "b" * 64, "location_id": new_id().bytes}]
    payload["path"] = "p" * 1024
    assert append_payloads(service, [file], [cbor2.dumps(payload, canonical=True)])[0].appended
