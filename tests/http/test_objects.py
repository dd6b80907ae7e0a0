"""Bytes that come without a file, their tickets, and uploads in parts (BYTES 2.7)."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cbor2
import pytest

from artifactstore.stores.tickets import PartsUpload, Seal, Ticket
from tests.http.shelving import Shelf, digests, shelved

_KEY = "a secret of the tests, which is long enough"
_SEQUENCE = {"Content-Type": "application/cbor-seq"}
_MIB = 1024 * 1024


@pytest.fixture(scope="module")
def shelf(module_conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A service with two stores that the tests of this module share."""
    with shelved(module_conninfo, tmp_path_factory.mktemp("stores"), ticket_key=_KEY) as made:
        yield made


@pytest.fixture
def package(shelf: Shelf) -> str:
    """The path of a new package."""
    return shelf.registry.package()


def _bring(shelf: Shelf, data: bytes, store: str = "main") -> dict[str, Any]:
    answer = shelf.client.post(f"/stores/{store}/objects", content=data)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize("size", [0, 1, 8 * _MIB, 8 * _MIB + 1])
def test_a_ticket_stands_for_bytes_that_were_brought(shelf: Shelf, package: str, size: int) -> None:
    data = os.urandom(size)
    told = _bring(shelf, data)
    assert (told["size"], (told["blake3"], told["sha256"])) == (size, digests(data))
    answer = shelf.registry.post(f"{package}/files", {"path": "f", "ticket": told["ticket"]})
    (file,) = answer["files"]
    row = shelf.registry.get(f"/files/{file['file_id']}")
    assert (row["size"], row["blake3"], row["sha256"]) == (size, told["blake3"], told["sha256"])
    assert shelf.client.get(f"{package}/content/f").content == data
    # It is good for other files, too.
    again = {"files": [{"path": name, "ticket": told["ticket"]} for name in ("g", "h")]}
    shelf.registry.post(f"{package}/files", again)
    assert shelf.objects().count(data) == 1


def test_many_objects_come_in_one_request(shelf: Shelf, package: str) -> None:
    datas = [os.urandom(n % 5000) for n in range(700)] + [b"", b"same", b"same", os.urandom(8 * _MIB)]
    body = b"".join(cbor2.dumps(one) for one in datas)
    answer = shelf.client.post("/stores/main/objects", content=body, headers=_SEQUENCE)
    assert answer.status_code == 201, answer.text
    told = answer.json()["objects"]
    assert [(one["size"], (one["blake3"], one["sha256"])) for one in told] == [
        (len(one), digests(one)) for one in datas
    ]
    files = [{"path": f"f{n}", "ticket": one["ticket"]} for n, one in enumerate(told)]
    shelf.registry.post(f"{package}/files", {"files": files})
    for n in (0, 1, 499, len(datas) - 2, len(datas) - 1):
        assert shelf.client.get(f"{package}/content/f{n}").content == datas[n]
    assert shelf.objects().count(b"same") == 1
    known = [{"size": one["size"], "blake3": one["blake3"]} for one in told]
    asked = shelf.registry.post("/stores/main/known", {"objects": [*known, {"size": 1, "blake3": "0" * 64}]})
    assert [one is not None for one in asked["objects"]] == [True] * len(told) + [False]
    other = shelf.registry.package()
    shelf.registry.post(f"{other}/files", {"path": "f", "ticket": asked["objects"][1]["ticket"]})
    assert shelf.client.get(f"{other}/content/f").content == datas[1]


SEQUENCES: dict[str, tuple[bytes, int, str]] = {
    "text": (b"\x61a", 415, "bad-media"),
    "an array": (b"\x81\x41a", 415, "bad-media"),
    "of no length": (b"\x5f\x41a\xff", 415, "bad-media"),
    "a reserved length": (b"\x5c", 415, "bad-media"),
    "ends early": (b"\x41a\x45abcd", 415, "bad-media"),
    "ends in a head": (b"\x41a\x59\x01", 415, "bad-media"),
    "larger than may be": (b"\x5a\x00\x80\x00\x01", 413, "too-large"),
    "larger than can be": (b"\x5b" + b"\xff" * 8, 413, "too-large"),
    "too many": (b"\x40" * 10_001, 413, "too-large"),
    "JSON": (b"[]", 415, "bad-media"),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_what_is_no_sequence_of_byte_strings_is_refused(shelf: Shelf, name: str) -> None:
    body, status, code = SEQUENCES[name]
    answer = shelf.client.post("/stores/main/objects", content=body, headers=_SEQUENCE)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_empty_sequence_is_none(shelf: Shelf) -> None:
    answer = shelf.client.post("/stores/main/objects", content=b"", headers=_SEQUENCE)
    assert (answer.status_code, answer.json()) == (201, {"objects": []})


def _now() -> float:
    import time

    return time.time()


def _ticket(shelf: Shelf, actor: str = "user:operator") -> Ticket:
    brought = _bring(shelf, os.urandom(100))
    return Seal(_KEY.encode()).open(Ticket, brought["ticket"], _now(), actor)


BAD_TICKETS: dict[str, Callable[[Shelf], str]] = {
    "another key": lambda shelf: Seal(b"x" * 32).seal(_ticket(shelf), _now()),
    "stale": lambda shelf: Seal(_KEY.encode()).seal(_ticket(shelf), _now() - 24 * 3600 - 1),
    "of another actor": lambda shelf: _bring_as(shelf, "producer"),
    "a byte more": lambda shelf: _bring(shelf, b"1")["ticket"] + "A",
    "a byte less": lambda shelf: _bring(shelf, b"1")["ticket"][:-1],
    "another letter": lambda shelf: _changed(_bring(shelf, b"1")["ticket"]),
    "of another kind": lambda shelf: Seal(_KEY.encode()).seal(
        PartsUpload("main", _ticket(shelf).key, "u", 1, 1, "user:operator"), _now()
    ),
    "no ticket": lambda _shelf: "x",
    "not ASCII": lambda _shelf: "é",
}


def _bring_as(shelf: Shelf, role: str) -> str:
    answer = shelf.service.client(role).post("/stores/main/objects", content=b"1")
    return str(answer.json()["ticket"])


def _changed(text: str) -> str:
    return text[:20] + ("A" if text[20] != "A" else "B") + text[21:]


@pytest.mark.parametrize("bad", BAD_TICKETS)
def test_a_ticket_that_is_not_good_is_refused(shelf: Shelf, package: str, bad: str) -> None:
    ticket = BAD_TICKETS[bad](shelf)
    file = shelf.file(package, "there", b"1")
    for path, body in (
        (f"{package}/files", {"path": "f", "ticket": ticket}),
        (f"{package}/files", {"files": [{"path": "f", "ticket": ticket}]}),
        (f"/files/{file['file_id']}/locations", {"ticket": ticket}),
    ):
        told = shelf.registry.refused(path, body, 422, "bad-ticket")
        assert told.get("field") == ("files[0]" if "files" in body else None)


def test_a_ticket_stands_beside_nothing_that_it_says(shelf: Shelf, package: str) -> None:
    told = _bring(shelf, b"1")
    said = {"size": 1, "blake3": told["blake3"], "sha256": told["sha256"], "locations": []}
    for name, value in said.items():
        body = {"path": "f", "ticket": told["ticket"], name: value}
        assert shelf.registry.refused(f"{package}/files", body, 422, "bad-payload")["field"] == name
        many = shelf.registry.refused(f"{package}/files", {"files": [body]}, 422, "bad-payload")
        assert many["field"] == f"files[0].{name}"
    lacking = shelf.registry.refused(f"{package}/files", {"path": "f"}, 422, "bad-payload")
    assert lacking["field"] == "blake3"
    other = shelf.registry.file(package, "other", size=2)
    shelf.registry.refused(f"{other}/locations", {"ticket": told["ticket"]}, 409, "digest-mismatch")


@pytest.mark.parametrize("role", ["producer", "operator"])
def test_only_a_ticket_names_an_object(shelf: Shelf, package: str, role: str) -> None:
    """Else who knows a key could read what is in another's package, through one of his own."""
    client = shelf.service.client(role)
    uri = shelf.registry.get(f"/locations/{shelf.file(package, 'there', b'1')['location_ids'][0]}")["uri"]
    told = {"size": 1, "blake3": digests(b"1")[0]}
    location = {"location_id": "0198a5f0-0000-7000-8000-000000000001", "backend": "main"}
    file = shelf.registry.file(package, "other", **told)
    head = shelf.registry.head()
    for named in (uri, uri.upper(), "store:x"):
        for path, body in (
            (f"{package}/files", {"path": "f", **told, "locations": [{**location, "uri": named}]}),
            (f"{file}/locations", {"backend": "main", "uri": named}),
        ):
            answer = client.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), answer.text
    assert shelf.registry.head() == head


def test_a_key_makes_a_command_with_a_ticket_once(shelf: Shelf, package: str) -> None:
    body = {"path": "f", "ticket": _bring(shelf, b"once")["ticket"]}
    first = shelf.registry.post(f"{package}/files", body, Idempotency_Key="k1")
    head = shelf.registry.head()
    assert shelf.registry.post(f"{package}/files", body, Idempotency_Key="k1") == first
    assert shelf.registry.head() == head


def _begin(shelf: Shelf, size: int) -> dict[str, Any]:
    told: dict[str, Any] = shelf.registry.post("/stores/main/uploads", {"size": size}, 201)
    return told


def test_an_upload_in_parts_becomes_an_object(shelf: Shelf, package: str) -> None:
    """Parts come in any order, several at once, again, and through a service that was begun anew."""
    data = os.urandom(33 * _MIB + 5)
    begun = _begin(shelf, len(data))
    part = begun["part_size"]
    assert begun["parts"] == -(-len(data) // part)
    path = f"/stores/main/uploads/{begun['upload']}"
    parts = {n + 1: data[n * part : (n + 1) * part] for n in range(begun["parts"])}

    def send(number: int) -> int:
        return shelf.client.put(f"{path}/parts/{number}", content=parts[number]).status_code

    assert send(3) == 200
    assert [one["number"] for one in shelf.registry.get(path)["there"]] == [3]
    blake3, sha256 = digests(data)
    said = {"blake3": blake3, "sha256": sha256}
    lacking = shelf.registry.post(f"{path}/complete", said, 404)
    assert (lacking["code"], lacking["lacking"]) == ("not-found", [1, 2])
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(send, [2, 1, 3, 2])) == [200] * 4
    told = shelf.registry.post(f"{path}/complete", said, 201)
    again = shelf.registry.post(f"{path}/complete", said, 201)
    assert {**again, "ticket": 0} == {**told, "ticket": 0, "size": len(data), **said}
    shelf.registry.post(f"{package}/files", {"path": "f", "ticket": again["ticket"]})
    assert digests(shelf.client.get(f"{package}/content/f").content) == (blake3, sha256)


def test_parts_are_checked(shelf: Shelf) -> None:
    begun = _begin(shelf, 17 * _MIB)
    path = f"/stores/main/uploads/{begun['upload']}"
    last, size = begun["parts"], 17 * _MIB - begun["part_size"]
    table: tuple[tuple[str, bytes, dict[str, str], int, str | None], ...] = (
        (f"{path}/parts/{last}", b"x" * size, {}, 200, None),
        (f"{path}/parts/{last}", b"x" * (size - 1), {}, 409, "digest-mismatch"),
        (f"{path}/parts/{last}", b"x" * (size + 1), {}, 413, "too-large"),
        (f"{path}/parts/{last}", b"x" * size, {"Artifactstore-Blake3": "0" * 64}, 409, "digest-mismatch"),
        (f"{path}/parts/{last}", b"x" * size, {"Content-Encoding": "gzip"}, 415, "bad-media"),
        (f"{path}/parts/{last + 1}", b"x", {}, 413, "too-large"),
        (f"{path}/parts/0", b"x", {}, 400, "bad-request"),
        (f"{path}/parts/9001", b"x", {}, 400, "bad-request"),
        (f"{path.replace('/main/', '/spare/')}/parts/1", b"x", {}, 422, "bad-ticket"),
        (f"{path}x/parts/1", b"x", {}, 422, "bad-ticket"),
    )
    for target, data, headers, status, code in table:
        answer = shelf.client.put(target, content=data, headers=headers)
        assert (answer.status_code, answer.json().get("code")) == (status, code), (target, answer.text)
    other = shelf.service.client("producer").get(path)
    assert (other.status_code, other.json()["code"]) == (422, "bad-ticket")


def test_nobody_gives_others_a_content_under_digests_that_are_not_its(shelf: Shelf) -> None:
    """Objects are shared by what the log says of them: a wrong word would keep the right bytes out."""
    begun = _begin(shelf, 4)
    path = f"/stores/main/uploads/{begun['upload']}"
    assert shelf.client.put(f"{path}/parts/1", content=b"evil").status_code == 200
    blake3, sha256 = digests(b"good")
    refused = shelf.registry.post(f"{path}/complete", {"blake3": blake3, "sha256": sha256}, 409)
    own = dict(zip(("blake3", "sha256"), digests(b"evil"), strict=True))
    assert (refused["code"], refused["blake3"], refused["sha256"]) == ("digest-mismatch", *own.values())
    told = shelf.registry.post(f"{path}/complete", own, 201)
    assert (told["size"], told["blake3"]) == (4, own["blake3"])


def test_an_upload_is_given_up(shelf: Shelf) -> None:
    begun = _begin(shelf, 3)
    path = f"/stores/main/uploads/{begun['upload']}"
    assert shelf.client.put(f"{path}/parts/1", content=b"abc").status_code == 200
    for _ in range(2):
        answer = shelf.client.delete(path)
        assert (answer.status_code, answer.json()) == (200, {"upload": "aborted"})
    assert shelf.registry.get(path, 404)["code"] == "not-found"
    blake3, sha256 = digests(b"abc")
    done = shelf.registry.post(f"{path}/complete", {"blake3": blake3, "sha256": sha256}, 404)
    assert done["code"] == "not-found"


def test_tickets_outlive_the_service_that_has_the_same_key(service_conninfo: str, tmp_path: Any) -> None:
    from tests.http.running import Registry, issue, running

    with shelved(service_conninfo, tmp_path, ("main",), ticket_key=_KEY) as shelf:
        package = shelf.registry.package()
        ticket = _bring(shelf, b"data")["ticket"]
        begun = _begin(shelf, 4)
        path = f"/stores/main/uploads/{begun['upload']}"
        assert shelf.client.put(f"{path}/parts/1", content=b"more").status_code == 200
    config = str(tmp_path / "stores.toml")
    blake3, sha256 = digests(b"more")
    for key, code in ((_KEY, None), ("", "bad-ticket")):
        tokens = issue(service_conninfo)
        with running(service_conninfo, tokens, stores=config, ticket_key=key) as service:
            registry = Registry(service.client())
            answer = registry.client.post(f"{package}/files", json={"path": f"f{code}", "ticket": ticket})
            assert answer.json().get("code") == code
            answer = registry.client.post(f"{path}/complete", json={"blake3": blake3, "sha256": sha256})
            assert answer.json().get("code") == code
