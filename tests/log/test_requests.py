"""Idempotent requests: a retry appends nothing and gets the first answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from artifactstore import codec
from artifactstore.events import NewEvent, PackageDeleted, PackageLabeled, RetentionApplied
from tests.databases import Connect
from tests.log.door import (
    Row,
    about,
    append,
    append_json,
    created,
    denied,
    id_of,
    ingested,
    refused,
    request,
    scalar,
    sequences,
    state,
)
from tests.log.sessions import alive, cut, race
from tests.timing import until


def again(rows: list[Row]) -> list[Row]:
    """What a retry of the append that answered ``rows`` gets."""
    return [row._replace(appended=False) for row in rows]


def test_retry_gets_the_first_answer(connect: Connect) -> None:
    """RG07: same key, same body."""
    service, observer = connect("service"), connect()
    package = created(request=request("key", events=3))
    events = (package, ingested(id_of(package), "a"), ingested(id_of(package), "b"))
    rows = append(service, *events)
    assert [row.sequence for row in rows] == [2, 3, 4]
    before = state(observer)
    assert append(service, *events) == again(rows)
    assert append(connect("service"), *events) == again(rows)
    assert state(observer) == before


def test_retry_is_not_judged_by_what_happened_since(connect: Connect) -> None:
    """RG07: a retry that comes late gets its first answer, though it would now be refused."""
    service = connect("service")
    package = created(request=request("key"))
    rows = append(service, package)
    append(service, about(package, PackageDeleted(reason="gone")))
    file = ingested(id_of(package), "a", request=request("other"))
    with refused(connect(), "not-open"):
        append(service, file)
    assert append(service, package) == again(rows)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(request("key", 1, b"other body"), id="other digest"),
        pytest.param(request("key", 2), id="other number of events"),
    ],
)
def test_same_key_for_another_request_is_refused(connect: Connect, other: object) -> None:
    """RG07: same key, other body."""
    service = connect("service")
    append(service, created(request=request("key")))
    with refused(connect(), "request-mismatch") as refusal:
        append(service, created(), created(request=other), created())
    assert refusal.detail | {"position": 2, "key": "key", "first_sequence": 2} == refusal.detail


def test_keys_belong_to_actors(connect: Connect) -> None:
    service = connect("service")
    rows = append(service, created(request=request("key")), created(actor="user:bob", request=request("key")))
    assert [row.appended for row in rows] == [True, True]
    (row,) = append(service, created(actor="user:Ann", request=request("key", 1, b"other")))
    assert row.appended


def test_key_of_a_refused_request_is_free(connect: Connect) -> None:
    service = connect("service")
    package = created()
    append(service, package)
    with refused(connect(), "path-taken"):
        append(
            service,
            ingested(id_of(package), "a", request=request("key", 2)),
            ingested(id_of(package), "a"),
        )
    (row,) = append(service, ingested(id_of(package), "a", request=request("key", 1, b"another")))
    assert row.appended


def test_known_and_new_requests_share_an_append(connect: Connect) -> None:
    """A group append: each request gets its own answer."""
    service = connect("service")
    known = created(request=request("known", 2))
    known_file = ingested(id_of(known), "a")
    first = append(service, known, known_file)
    new = created(request=request("new", 2))
    loose = created()
    rows = append(service, loose, known, known_file, new, ingested(id_of(new), "a"), created())
    assert [row.position for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.sequence for row in rows] == [4, 2, 3, 5, 6, 7]
    assert [row.appended for row in rows] == [True, False, False, True, True, True]
    assert [row.created_at for row in rows[1:3]] == [row.created_at for row in first]
    assert sequences(connect()) == [1, 2, 3, 4, 5, 6, 7]


def bad_groups() -> dict[str, tuple[int, str, list[NewEvent]]]:
    """Batches in which a request does not cover the events that it says: where, a word of why, the batch."""
    k = request("k")
    return {
        "twice": (3, "twice", [created(request=k), created(), created(request=k)]),
        "twice, other body": (2, "twice", [created(request=k), created(request=request("k", 1, b"other"))]),
        "more than there are": (2, "1 are left", [created(), created(request=request("k", 2))]),
        "many more": (1, "1 are left", [created(request=request("k", 1_000_000))]),
        "another inside": (2, "begins before", [created(request=request("l", 2)), created(request=k)]),
        "another actor inside": (
            1,
            "different actors",
            [created(request=request("k", 2)), created(actor="user:bob")],
        ),
        "another actor between": (
            2,
            "different actors",
            [created(), created(request=request("k", 3)), created(actor="user:bob"), created()],
        ),
        "the first of two": (2, "twice", [created(request=k)] * 2 + [created(request=request("l", 2))]),
    }


def test_request_covers_the_events_that_it_says(connect: Connect) -> None:
    """RG07: the same key twice inside one batch is refused, and so are groups that do not fit."""
    service, observer = connect("service"), connect()
    for _ in range(2):
        for name, (position, problem, events) in bad_groups().items():
            with refused(observer, "bad-request-group") as refusal:
                append(service, *events)
            assert refusal.detail["position"] == position, name
            assert problem in refusal.detail["problem"], name
            assert refusal.detail["key"] == "k", name
        append(service, created())


def test_group_append_of_many_requests(connect: Connect) -> None:
    """Thousands of requests in one append: each is new once, and known as a whole the next time."""
    service = connect("service")
    packages = [created(request=request(f"{number}")) for number in range(2_000)]
    rows = append(service, *packages)
    assert [row.sequence for row in rows] == list(range(2, 2_002))
    assert append(service, *packages) == again(rows)


def test_group_ends_where_it_says(connect: Connect) -> None:
    service = connect("service")
    package = created(request=request("k", 2))
    inside, after = ingested(id_of(package), "a"), created(actor="user:bob")
    append(service, package, inside, after)
    rows = append(service, package, inside, created(actor="user:bob"))
    assert [(row.sequence, row.appended) for row in rows] == [(2, False), (3, False), (5, True)]


def test_of_fifty_at_once_one_appends(connect: Connect) -> None:
    """RG07: the same request 50 times in parallel: one event, the same number in every answer."""
    package = created(request=request("key"))
    results = race([connect("service") for _ in range(50)], lambda connection, _: append(connection, package))
    rows = [row for result in results if not isinstance(result, psycopg.Error) for row in result]
    assert len(rows) == 50, results
    assert {row.sequence for row in rows} == {2}
    assert len({row.created_at for row in rows}) == 1
    assert sum(row.appended for row in rows) == 1
    assert sequences(connect()) == [1, 2]


def test_lost_response_is_asked_for_again(connect: Connect) -> None:
    """RG07: the client loses its connection while the append commits, and retries."""
    service, observer, holder = connect("service"), connect(), connect("service", autocommit=False)
    package = created(request=request("key"))
    backend = service.info.backend_pid
    append(holder, created())
    payload = package.payload()
    service.pgconn.send_query_params(
        b"SELECT artifactstore.append($1, $2, $3, $4, $5)",
        [
            b"{%s}" % package.event.event_type.encode(),
            b"{%s}" % str(package.subject_id).encode(),
            b"{%s}" % package.actor.encode(),
            rb'{"\\x%s"}' % payload.hex().encode(),
            rb'{"\\x%s"}' % codec.digest(payload).hex().encode(),
        ],
    )
    while service.pgconn.flush():
        pass
    until(
        lambda: scalar(
            observer, "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [backend]
        ),
        "the append waits",
    )
    cut(service)
    holder.commit()
    until(lambda: not alive(observer, backend), "the backend sees that its client is gone")
    assert sequences(observer) == [1, 2, 3], "the server had the whole command, so it was done"
    (row,) = append(connect("service"), package)
    assert (row.sequence, row.appended) == (3, False)
    assert sequences(observer) == [1, 2, 3]


def test_requests_outlive_a_replay(connect: Connect) -> None:
    """RG07, RPL03: keys are a view, so a replay brings them back."""
    service = connect("service")
    events = (created(request=request("key", 2)), created())
    rows = append(service, *events)
    scalar(connect("operator"), "SELECT head FROM artifactstore.replay()")
    assert append(service, *events) == again(rows)
    with refused(connect(), "request-mismatch"):
        append(service, created(request=request("key", 2, b"other")), created())


def test_append_json_takes_requests(connect: Connect) -> None:
    writer, observer = connect("writer"), connect()
    package = created()
    payload = {
        "purl": "pkg:generic/a@1",
        "request": {"key": "key", "digest": "00" * 32, "events": 1},
    }
    for _ in range(2):
        assert append_json(writer, "v1.package.created", id_of(package), payload) == 2
    assert sequences(observer) == [1, 2]
    payload["request"] = {"key": "other", "digest": "00" * 32, "events": 2}
    with refused(observer, "bad-request-group"):
        append_json(writer, "v1.package.created", id_of(created()), payload)


def test_readers_cannot_use_up_keys(connect: Connect) -> None:
    with denied(connect()):
        append(connect("reader"), created(request=request("key")))


def ingest_at_once(connections: list[psycopg.Connection], files: list[NewEvent]) -> list[str | None]:
    """Append each file through its own connection at the same moment; the SQLSTATEs of those refused."""
    results = race(connections, lambda connection, number: append(connection, files[number]))
    return [result.sqlstate for result in results if isinstance(result, psycopg.Error)]


def test_concurrent_ingest_of_one_path(connect: Connect) -> None:
    """RG06: of many that ingest one path at once, one succeeds and all others get the same clear answer."""
    service, observer = connect("service"), connect()
    connections = [connect("service") for _ in range(8)]
    for turn in range(1, 4):
        package = created()
        append(service, package)
        before = scalar(observer, "SELECT artifactstore.log_head()")
        files = [ingested(id_of(package), "a", b"content") for _ in connections]
        assert ingest_at_once(connections, files) == ["ST023"] * 7
        assert scalar(observer, "SELECT artifactstore.log_head()") == before + 1
        assert scalar(observer, "SELECT count(*) FROM artifactstore.artifact_files") == turn


def test_concurrent_ingest_of_one_id(connect: Connect) -> None:
    """RG06: the same file id at once: one row, and id-taken for the others, in any package."""
    packages = [created() for _ in range(8)]
    append(connect("service"), *packages)
    file = ingested(id_of(packages[0]), "a")
    files = [about(file, ingested(id_of(package), "a").event) for package in packages]
    assert ingest_at_once([connect("service") for _ in files], files) == ["ST004"] * 7


def test_one_content_in_many_packages(connect: Connect, cluster_log: Callable[[], str]) -> None:
    """RG06: the same bytes in different packages at once: all succeed, a row each, no 23505 anywhere."""
    service = connect("service")
    connections = [connect("service") for _ in range(8)]
    for _ in range(3):
        packages = [created() for _ in connections]
        append(service, *packages)
        files = [ingested(id_of(package), "a", b"content") for package in packages]
        assert ingest_at_once(connections, files) == []
    rows = connect().execute("SELECT count(*), count(DISTINCT blake3) FROM artifactstore.artifact_files")
    assert rows.fetchall() == [(24, 1)]
    assert "duplicate key" not in cluster_log()


def test_labels_and_retention_are_requests_too(connect: Connect) -> None:
    service = connect("service")
    package = created()
    append(service, package)
    until_then = datetime.now(UTC) + timedelta(days=1)
    for number, event in enumerate(
        (PackageLabeled(set={"a": "1"}), RetentionApplied(mode="compliance", until=until_then)), start=3
    ):
        repeated = about(package, event, request=request(f"k{number}"))
        answers = [append(service, repeated)[0] for _ in range(3)]
        assert [(row.sequence, row.appended) for row in answers] == [
            (number, True),
            (number, False),
            (number, False),
        ]
