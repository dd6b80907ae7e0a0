"""append and append_json: what they store and what they answer."""

from uuid import uuid4

import psycopg
import pytest

from artifactstore import codec
from artifactstore.events import (
    NewEvent,
    PackageCreated,
    PackageLabeled,
    SystemInitialized,
    TokenIssued,
    new_id,
)
from tests.databases import Connect
from tests.log.door import (
    about,
    append,
    append_arrays,
    append_json,
    created,
    id_of,
    ingested,
    refused,
    scalar,
    sequences,
    state,
)


def test_first_append_begins_the_log(connect: Connect) -> None:
    package = created()
    (row,) = append(connect("service"), package)
    assert (row.position, row.sequence, row.appended) == (1, 2, True)
    observer = connect()
    beginning = observer.execute(
        "SELECT sequence, event_type, subject_kind, actor, payload ->> 'payload_profile', "
        "(payload ->> 'log_id')::uuid = subject_id FROM artifactstore.event_log WHERE sequence = 1"
    ).fetchall()
    assert beginning == [(1, "v1.system.initialized", "system", "system:artifactstore", "AS-CBOR/1", True)]
    epochs = observer.execute(
        "SELECT g.epoch, g.first_sequence, g.log_id = e.subject_id "
        "FROM artifactstore.log_epochs g, artifactstore.events e WHERE e.sequence = 1"
    ).fetchall()
    assert epochs == [(1, 1, True)]
    assert scalar(observer, "SELECT count(DISTINCT xmin::text) FROM artifactstore.events") == 1


def test_beginning_has_a_true_digest(connect: Connect) -> None:
    append(connect("service"), created())
    rows = connect().execute("SELECT payload, payload_digest FROM artifactstore.events").fetchall()
    assert [codec.digest(payload) for payload, _ in rows] == [digest for _, digest in rows]


def test_followed_log_keeps_its_own_beginning(connect: Connect) -> None:
    log_id = new_id()
    start = SystemInitialized(log_id=log_id, epoch=1, epoch_id=uuid4(), payload_profile="AS-CBOR/1")
    rows = append(connect("service"), NewEvent(start, log_id, "system:elsewhere"), created())
    assert [row.sequence for row in rows] == [1, 2]
    observer = connect()
    assert scalar(observer, "SELECT log_id FROM artifactstore.log_epochs") == log_id
    assert scalar(observer, "SELECT actor FROM artifactstore.events WHERE sequence = 1") == "system:elsewhere"


def test_log_begins_once(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    append(service, created())
    log_id = new_id()
    again = SystemInitialized(log_id=log_id, epoch=1, epoch_id=uuid4(), payload_profile="AS-CBOR/1")
    with refused(observer, "already-initialized"):
        append(service, NewEvent(again, log_id, "system:elsewhere"))


def test_refused_first_append_leaves_the_log_empty(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    with refused(observer, "not-found"):
        append(service, ingested(new_id(), "a"))
    assert sequences(observer) == []
    assert scalar(observer, "SELECT count(*) FROM artifactstore.log_epochs") == 0


def test_rows_answer_events_in_their_order(connect: Connect) -> None:
    service = connect("service")
    package = created()
    append(service, package)
    rows = append(service, *(ingested(id_of(package), f"{n}") for n in range(5)))
    assert [row.position for row in rows] == [1, 2, 3, 4, 5]
    assert [row.sequence for row in rows] == [3, 4, 5, 6, 7]
    assert all(row.appended for row in rows)
    assert len({row.created_at for row in rows}) == 1
    stored = connect().execute(
        "SELECT sequence, created_at FROM artifactstore.events WHERE sequence > 2 ORDER BY sequence"
    )
    assert stored.fetchall() == [(row.sequence, row.created_at) for row in rows]


def test_events_are_stored_as_they_were_given(connect: Connect) -> None:
    service = connect("service")
    package = created(actor="oidc:issuer.example#ann")
    file = ingested(id_of(package), "dir/Ä.txt", b"content", on_behalf_of="user:bob")
    append(service, package, file)
    stored = connect().execute(
        "SELECT event_type, subject_kind, subject_id, actor, payload, payload_digest "
        "FROM artifactstore.events WHERE sequence > 1 ORDER BY sequence"
    )
    assert stored.fetchall() == [
        (
            event.event.event_type,
            event.event.subject_kind,
            event.subject_id,
            event.actor,
            event.payload(),
            codec.digest(event.payload()),
        )
        for event in (package, file)
    ]


def test_batch_is_appended_whole_or_not_at_all(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    package = created()
    append(service, package)
    good = [ingested(id_of(package), f"{n}") for n in range(4)]
    with refused(observer, "path-taken") as refusal:
        append(service, *good, ingested(id_of(package), "2"), created())
    assert refusal.detail["position"] == 5
    assert "sequence" not in refusal.detail
    assert refusal.detail["path"] == "2"


def test_refusal_costs_the_transaction_nothing_but_itself(connect: Connect) -> None:
    service, observer = connect("service", autocommit=False), connect()
    package = created()
    append(service, package)
    with pytest.raises(psycopg.Error), service.transaction():
        append(service, ingested(new_id(), "a"))
    append(service, ingested(id_of(package), "a"))
    service.commit()
    assert sequences(observer) == [1, 2, 3]


def test_arrays_may_begin_at_any_index(connect: Connect) -> None:
    service = connect("service")
    events = [created(), created()]
    payloads = [event.payload() for event in events]
    rows = service.execute(
        "SELECT a.sequence FROM (SELECT "
        "'[0:1]={v1.package.created,v1.package.created}'::text[] t, %s::uuid[] s, %s::text[] a, "
        "%b::bytea[] p, %b::bytea[] d) x, artifactstore.append(x.t, x.s, x.a, x.p, x.d) a",
        (
            [event.subject_id for event in events],
            ["user:ann", "user:bob"],
            payloads,
            [codec.digest(payload) for payload in payloads],
        ),
    ).fetchall()
    assert rows == [(2,), (3,)]
    stored = connect().execute(
        "SELECT actor, payload FROM artifactstore.events WHERE sequence > 1 ORDER BY 1"
    )
    assert stored.fetchall() == [("user:ann", payloads[0]), ("user:bob", payloads[1])]


def test_no_expectations_at_all(connect: Connect) -> None:
    event = created()
    arrays = ([event.event.event_type], [event.subject_id], [event.actor])
    payload = event.payload()
    rows = append_arrays(connect("service"), *arrays, [payload], [codec.digest(payload)], None)
    assert [row.sequence for row in rows] == [2]


def test_append_json_answers_the_sequence_and_names_the_login(connect: Connect) -> None:
    writer, observer = connect("writer"), connect()
    package_id = new_id()
    created_at = append_json(
        writer, "v1.package.created", package_id, {"purl": "pkg:generic/from-psql@1", "labels": {"a": "ü"}}
    )
    labeled_at = append_json(writer, "v1.package.labeled", package_id, {"unset": ["a"]}, created_at)
    assert (created_at, labeled_at) == (2, 3)
    (actor,) = observer.execute(
        "SELECT DISTINCT actor FROM artifactstore.events WHERE sequence > 1"
    ).fetchall()
    assert actor == (f"db:{writer.info.user}",)


def test_append_json_stores_what_python_would_send(connect: Connect) -> None:
    writer, observer = connect("writer"), connect()
    package_id = new_id()
    event = PackageCreated(purl="pkg:generic/same@1", labels={"b": "2", "a": "ü"}, media_type="text/plain")
    payload = {"media_type": "text/plain", "labels": {"a": "ü", "b": "2"}, "purl": "pkg:generic/same@1"}
    append_json(writer, "v1.package.created", package_id, payload)
    stored = observer.execute(
        "SELECT payload, payload_digest FROM artifactstore.events WHERE sequence = 2"
    ).fetchall()
    expected = NewEvent(event, package_id, "user:ann").payload()
    assert stored == [(expected, codec.digest(expected))]


def test_append_json_appends_system_events_for_operators(connect: Connect) -> None:
    operator, observer = connect("operator"), connect()
    append_json(operator, "v1.package.created", new_id(), {"purl": "pkg:generic/a@1"})
    log_id = scalar(observer, "SELECT log_id FROM artifactstore.log_epochs")
    before = state(observer)
    token = {"token_id": str(new_id()), "roles": ["reader"]}
    assert append_json(operator, "v1.system.token_issued", log_id, token) == 3
    after = state(observer)
    assert {name for name in before if before[name] != after[name]} == {"events"}


def test_labels_and_tokens_share_one_append(connect: Connect) -> None:
    service = connect("service")
    package = created()
    append(service, package)
    log_id = scalar(connect(), "SELECT log_id FROM artifactstore.log_epochs")
    rows = append(
        service,
        about(log_id, TokenIssued(token_id=new_id())),
        about(package, PackageLabeled(set={"a": "1"})),
    )
    assert [row.sequence for row in rows] == [3, 4]
