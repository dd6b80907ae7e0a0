"""GET /events: pages, cursors and filters. Cases GAP03 to GAP07, CB09."""

from typing import Any

import httpx
import psycopg
import pytest

from artifactstore import codec, feed
from artifactstore.events import NewEvent, PackageLabeled
from artifactstore.store import EventFilter, Store
from tests.http.feeding import append_packages, fill, page, sequences, walk
from tests.http.running import Running
from tests.timing import SOON


@pytest.fixture
def client(service: Running) -> httpx.Client:
    """A client that may do everything."""
    return service.client()


def test_a_page_has_the_documented_members(service: Running, client: httpx.Client) -> None:
    (package_id,) = append_packages(service.settings.database_url, 1)
    answer = client.get("/events", params={"since": 0})
    value = answer.json()
    assert list(value) == ["log_id", "epoch", "events", "next", "next_digest", "head", "has_more"]
    assert value["head"] == value["next"] == 5
    assert value["has_more"] is False
    assert answer.headers["Artifactstore-Head"] == "5"
    assert answer.headers["Artifactstore-Epoch"] == value["epoch"]
    assert answer.headers["Artifactstore-Log"] == value["log_id"]
    event = value["events"][-1]
    assert event == client.get("/events/5").json()
    payload = codec.encode({"purl": "pkg:generic/app@0"})
    assert event == {
        "sequence": 5,
        "created_at": event["created_at"],
        "event_type": "v1.package.created",
        "subject_kind": "package",
        "subject_id": str(package_id),
        "actor": "test:feed",
        "payload": {"purl": "pkg:generic/app@0"},
        "payload_digest": f"blake3:{codec.digest(payload).hex()}",
    }


def test_gap07_every_paging_gives_the_same_list(service: Running, client: httpx.Client) -> None:
    append_packages(service.settings.database_url, 20)
    head = page(client)["head"]
    whole = page(client, limit=1000)["events"]
    assert sequences(whole) == list(range(1, head + 1))
    for limit in (1, 2, 3, head):
        assert walk(client, limit=limit) == whole
    for since in (0, 1, head - 1):
        assert page(client, since=since)["events"][0]["sequence"] == since + 1
    for at_head in (head, "head"):
        got = page(client, since=at_head)
        assert (got["events"], got["next"], got["has_more"]) == ([], head, False)


def test_until_is_inclusive_and_ends_the_walk(service: Running, client: httpx.Client) -> None:
    append_packages(service.settings.database_url, 20)
    assert sequences(walk(client, until=12, limit=5)) == list(range(1, 13))
    assert page(client, since=12, until=12, wait=55)["events"] == []
    assert page(client, since=12, until=5, wait=55)["next"] == 12


def test_gap04_a_rare_match_is_reached(service: Running, client: httpx.Client, database: str) -> None:
    fill(database, 10_000)
    append_packages(service.settings.database_url, 1, actor="test:rare")
    first = page(client, since=0, actor="test:rare")
    assert (first["events"], first["next"], first["has_more"]) == ([], feed.MAX_EXAMINED, True)
    (found,) = walk(client, actor="test:rare")
    assert found["sequence"] == page(client)["head"]


def test_gap05_next_of_a_filtered_page_passes_nothing(service: Running, client: httpx.Client) -> None:
    conninfo = service.settings.database_url
    ids = append_packages(conninfo, 30)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        store = Store(connection)
        for number, package_id in enumerate(ids):
            actor = f"user:{number % 3}"
            store.writes.append([NewEvent(PackageLabeled(set={"n": str(number)}), package_id, actor)])
    whole = walk(client, limit=1000)
    chosen: list[dict[str, Any]] = [
        {"event_type": ["v1.package.labeled"]},
        {"event_type": ["v1.package.*"], "actor": ["user:0", "user:1"]},
        {"subject_id": [str(ids[3]), str(ids[7])]},
        {"subject_kind": ["system"]},
        {"subject_kind": ["package"], "actor": ["user:2"], "subject_id": [str(ids[2]), str(ids[3])]},
    ]
    for parameters in chosen:
        types = parameters.get("event_type", [])
        expected = [
            event
            for event in whole
            if (not types or event["event_type"] in types or "v1.package.*" in types)
            and ("v1.package.*" not in types or event["event_type"].startswith("v1.package."))
            and event["actor"] in parameters.get("actor", [event["actor"]])
            and event["subject_id"] in parameters.get("subject_id", [event["subject_id"]])
            and event["subject_kind"] in parameters.get("subject_kind", [event["subject_kind"]])
        ]
        assert expected
        for limit in (1, 7, 1000):
            assert walk(client, **{**parameters, "limit": limit}) == expected
        full = page(client, limit=1, **parameters)
        assert full["next"] == expected[0]["sequence"]


def test_groups_of_event_types_take_their_types_alone(service: Running, client: httpx.Client) -> None:
    (package_id,) = append_packages(service.settings.database_url, 1)
    until = "2099-01-01T00:00:00Z"
    answer = client.post(f"/packages/{package_id}/retention", json={"mode": "governance", "until": until})
    assert answer.status_code in (200, 201), answer.text
    got = page(client, event_type="v1.retention.*")
    assert [event["event_type"] for event in got["events"]] == ["v1.retention.applied"]
    assert client.get("/events?event_type=v0.*").status_code == 400
    everything = page(client, event_type="v1.*")
    assert everything["events"] == page(client)["events"]
    assert client.get("/events?event_type=v1.package.create").status_code == 400


@pytest.mark.parametrize("wait", [0, 30])
def test_gap06_a_cursor_ahead_is_refused_at_once(client: httpx.Client, wait: int) -> None:
    head = page(client)["head"]
    answer = client.get("/events", params={"since": head + 1000, "wait": wait}, timeout=SOON)
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["head"]) == ("cursor-ahead", head)
    assert problem["epoch"] == page(client)["epoch"]


def test_an_epoch_that_is_not_that_of_the_log_is_refused(client: httpx.Client) -> None:
    epoch = page(client)["epoch"]
    assert page(client, epoch=epoch)["epoch"] == epoch
    for path in ("/events", "/events/1"):
        answer = client.get(path, params={"epoch": "7-00000000"})
        assert answer.status_code == 409
        assert answer.json()["code"] == "epoch-mismatch"
        assert answer.json()["epoch"] == epoch


def test_a_cursor_at_another_event_is_refused(client: httpx.Client) -> None:
    seen = page(client)["events"]
    right, wrong = seen[1]["payload_digest"], seen[0]["payload_digest"]
    assert page(client, since=2, since_digest=right)["next"] == page(client)["head"]
    assert page(client, since=2, since_digest=right.removeprefix("blake3:").upper())["events"]
    answer = client.get("/events", params={"since": 2, "since_digest": wrong, "wait": 30})
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["sequence"], problem["payload_digest"]) == ("diverged", 2, right)
    for since in (0, "head"):
        answer = client.get("/events", params={"since": since, "since_digest": right})
        assert answer.status_code == 400


def test_gap03_a_hole_is_an_error_that_names_it(
    service: Running, client: httpx.Client, database: str
) -> None:
    append_packages(service.settings.database_url, 20)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM artifactstore.events WHERE sequence = 11")
    assert sequences(page(client, until=10)["events"]) == list(range(1, 11))
    assert page(client, since=11)["events"][0]["sequence"] == 12
    asked: tuple[dict[str, int | str], ...] = (
        {"since": 0},
        {"since": 10, "wait": 30},
        {"since": 5, "until": 11},
        {"since": 0, "actor": "test:feed"},
        {"since": 10, "limit": 1},
        {"since": 0, "event_type": "v1.file.*", "wait": 30},
    )
    for parameters in asked:
        answer = client.get("/events", params=parameters, timeout=SOON)
        assert answer.status_code == 500, parameters
        problem = answer.json()
        assert (problem["code"], problem["sequence"]) == ("log-damaged", 11)
    assert client.get("/events/11").json()["code"] == "log-damaged"


def test_cb09_a_damaged_payload_hides_no_other_event(
    service: Running, client: httpx.Client, database: str
) -> None:
    append_packages(service.settings.database_url, 3)
    nan = b"\xa1\x64purl\xf9\x7e\x00"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER ALL")
        query = "UPDATE artifactstore.events SET payload = %s WHERE sequence = 6"
        connection.execute(query, (nan,))
        query = "UPDATE artifactstore.events SET event_type = 'v9.package.exploded' WHERE sequence = 7"
        connection.execute(query)
    got = page(client)
    assert sequences(got["events"]) == list(range(1, 8))
    damaged, unknown = got["events"][5:]
    assert damaged["payload"]["bytes"] == nan.hex()
    assert "unreadable" in damaged["payload"]
    assert unknown["event_type"] == "v9.package.exploded"
    assert "unreadable" in unknown["payload"]
    assert client.get("/events/6").json() == damaged


def test_a_page_is_bounded_by_bytes_but_has_one_event(service: Running, client: httpx.Client) -> None:
    ids = append_packages(service.settings.database_url, 1)
    labels = {f"{number:03}" + "k" * 100: "v" * 1000 for number in range(55)}
    with psycopg.connect(service.settings.database_url, autocommit=True) as connection:
        store = Store(connection)
        for number in range(80):
            event = PackageLabeled(set={**labels, "number": str(number)})
            store.writes.append([NewEvent(event, ids[0], "test:large")])
    for accept in ("application/json", "application/cbor-seq"):
        first = client.get("/events?limit=1000", headers={"Accept": accept})
        assert feed.MAX_BYTES * 0.9 < len(first.content) <= feed.MAX_BYTES + 4096
        assert first.headers["Artifactstore-Has-More"] == "true"
        assert first.headers["ETag"]
    assert sequences(walk(client, limit=1000)) == list(range(1, 86))
    assert len(walk(client, limit=1000, actor="test:large")) == 80


def test_one_event_by_its_number(client: httpx.Client) -> None:
    head = page(client)["head"]
    assert client.get("/events/1").json()["event_type"] == "v1.system.initialized"
    assert client.get(f"/events/{head}").status_code == 200
    missing = client.get(f"/events/{head + 1}")
    assert missing.status_code == 404
    assert missing.json()["head"] == head
    for bad in ("0", "-1", "1.0", "x", "10000000000000000000"):
        answer = client.get(f"/events/{bad}")
        assert answer.status_code == 400, bad
        assert answer.json()["parameter"] == "sequence"


def test_the_log_tells_where_it_stands(service: Running, client: httpx.Client) -> None:
    append_packages(service.settings.database_url, 2)
    told = client.get("/log").json()
    last = client.get(f"/events/{told['head']}").json()
    assert told["head"] == 6
    assert told["head_created_at"] == last["created_at"]
    assert told["head_digest"] == client.get(f"/events/{told['head']}").headers["Artifactstore-Digest"]
    got = page(client, since=told["head"], epoch=told["epoch"], since_digest=told["head_digest"])
    assert (got["log_id"], got["events"]) == (told["log_id"], [])


def test_min_sequence_reads_your_writes(client: httpx.Client) -> None:
    written = client.post("/packages", json={"purl": "pkg:generic/mine@1"}).json()["sequence"]
    assert page(client, since=written - 1, min_sequence=written)["events"][0]["sequence"] == written
    for path in ("/events", "/log", "/events/1"):
        answer = client.get(path, params={"min_sequence": written + 1})
        assert (answer.status_code, answer.json()["code"]) == (409, "cursor-ahead")


def test_a_filter_is_judged_alike_in_memory_and_in_the_database(client: httpx.Client) -> None:
    assert not EventFilter()
    assert EventFilter(actor=frozenset(["user:ann"]))
    events = page(client)["events"]
    assert len({event["actor"] for event in events}) > 1
    for actor in {event["actor"] for event in events}:
        stored = page(client, actor=actor)["events"]
        remembered = page(client, actor=actor, wait=1)["events"]
        assert stored == remembered == [event for event in events if event["actor"] == actor]
