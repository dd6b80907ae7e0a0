"""Case RG07: a request that is repeated with its Idempotency-Key is carried out once."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from artifactstore.codec import digest, encode_item
from tests.http.running import Registry, Running, running

_BODY = {"purl": "pkg:generic/once@1", "labels": {"b": "2", "a": "1"}}
_KEY = {"Idempotency-Key": "key-1"}


def test_rg07_fifty_at_once_are_one_event(registry: Registry) -> None:
    before = registry.head()
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(lambda _: registry.client.post("/packages", json=_BODY, headers=_KEY), range(50))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert registry.head() == before + 1


def test_rg07_the_answer_outlives_restart_and_replay(
    service: Running, registry: Registry, database: str
) -> None:
    first = registry.post("/packages", _BODY, 201, Idempotency_Key="key-1")
    package = f"/packages/{first['subject_id']}"
    registry.post(f"{package}/labels", {"set": {"c": "3"}})
    registry.post(f"{package}/delete", {"reason": "r"})
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SELECT * FROM artifactstore.replay()")
    head = registry.head()
    with running(service.settings.database_url, service.tokens) as another:
        client = another.client()
        again = client.post("/packages", json=_BODY, headers=_KEY)
        assert (again.status_code, again.json()) == (201, first)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.headers["Location"] == package
    assert registry.head() == head


def test_rg07_the_same_request_is_told_by_its_content(registry: Registry) -> None:
    """Order of keys and white space do not matter; another body, path or method does."""
    first = registry.post("/packages", _BODY, 201, Idempotency_Key="key-1")
    text = b'{"labels": {"a": "1", "b": "2"},\n "purl": "pkg:generic/once@1"}'
    headers = {**_KEY, "Content-Type": "application/json"}
    assert registry.client.post("/packages", content=text, headers=headers).json() == first
    assert (
        first["payload"]["request"]["digest"]
        == digest(
            encode_item(["POST", "/packages", _BODY])  # type: ignore[list-item]
        ).hex()
    )
    other = {**_BODY, "purl": "pkg:generic/other@1"}
    registry.refused("/packages", other, 422, "request-mismatch", Idempotency_Key="key-1")
    package = f"/packages/{first['subject_id']}"
    registry.refused(f"{package}/labels", _BODY, 422, "bad-payload", Idempotency_Key="key-1")
    body = {"set": {"a": "1"}}
    registry.refused(f"{package}/labels", body, 422, "request-mismatch", Idempotency_Key="key-1")


def test_rg07_a_key_belongs_to_its_actor(service: Running, registry: Registry) -> None:
    registry.post("/packages", _BODY, 201, Idempotency_Key="key-1")
    producer = Registry(service.client("producer"))
    body = {"purl": "pkg:generic/mine@1"}
    assert producer.post("/packages", body, 201, Idempotency_Key="key-1")["actor"] == "user:producer"


def test_rg07_batches_and_derived_commands_are_repeated_whole(registry: Registry) -> None:
    package = registry.package(retention={"mode": "governance", "until": "2040-01-01T00:00:00Z"})
    files = {"files": [{"path": path, "size": 1, "blake3": "0" * 64} for path in "abc"]}
    extend = {"to": "2041-01-01T00:00:00Z"}
    for path, body in (
        (f"{package}/files", files),
        (f"{package}/retention/extend", extend),
        (f"{package}/holds", {"case": "c", "reason": "r"}),
        (f"{package}/seal", {}),
    ):
        first = registry.post(path, body, Idempotency_Key=path)
        head = registry.head()
        # A version that was right the first time is not asked for again.
        assert registry.post(path, body, Idempotency_Key=path) == first
        assert registry.head() == head


def test_rg07_a_repeated_request_needs_no_second_match(registry: Registry) -> None:
    package = registry.package()
    tag = registry.client.get(package).headers["ETag"]
    body = {"set": {"a": "1"}}
    first = registry.post(f"{package}/labels", body, If_Match=tag, Idempotency_Key="k")
    assert registry.post(f"{package}/labels", body, If_Match=tag, Idempotency_Key="k") == first


def test_rg07_a_token_is_issued_once_and_its_secret_told_once(registry: Registry) -> None:
    body = {"actor": "user:new", "roles": ["reader"]}
    first = registry.post("/tokens", body, 201, Idempotency_Key="key-1")
    again = registry.post("/tokens", body, 201, Idempotency_Key="key-1")
    assert again == {**first, "token": None}
    assert len(registry.get("/tokens")["tokens"]) == 4


def test_rg07_a_refused_request_may_be_repeated(registry: Registry) -> None:
    """Only what was appended is remembered: the same key works when the reason is gone."""
    package = registry.package()
    hold_id = registry.post(f"{package}/holds", {"case": "c", "reason": "r"})["payload"]["hold_id"]
    body = {"reason": "r"}
    registry.refused(f"{package}/delete", body, 409, "legal-hold", Idempotency_Key="key-1")
    registry.post(f"{package}/holds/{hold_id}/release", body)
    registry.post(f"{package}/delete", body, 200, Idempotency_Key="key-1")


def test_rg07_found_again_after_the_answer_was_lost(service: Running, registry: Registry) -> None:
    """The socket is cut before the answer is read; the repeated request finds the event."""
    before = registry.head()
    head = "POST /packages HTTP/1.1\r\nContent-Type: application/json\r\nIdempotency-Key: lost\r\n"
    body = b'{"purl": "pkg:generic/lost@1"}'
    service.exchange(f"{head}Content-Length: {len(body)}", body)
    answer = Registry(service.client("producer")).post(
        "/packages", {"purl": "pkg:generic/lost@1"}, 201, Idempotency_Key="lost"
    )
    assert answer["sequence"] == before + 1
    assert registry.head() == before + 1


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ü", "a\tb"])
def test_bad_keys(key: str, shared: Registry) -> None:
    before = shared.head()
    headers = [(b"Idempotency-Key", key.encode())]
    try:
        response = shared.client.post("/packages", json=_BODY, headers=headers)
    except httpx.LocalProtocolError:
        return  # the client itself refuses to send it
    assert (response.status_code, response.json()["code"]) == (400, "bad-request")
    assert shared.head() == before


def test_two_keys_are_none(shared: Registry) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    response = shared.client.post("/packages", json=_BODY, headers=headers)
    assert (response.status_code, response.json()["header"]) == (400, "Idempotency-Key")
