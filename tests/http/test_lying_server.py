"""F23: a server that lies, or something else that answers: the client makes a named error of it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import cbor2
import httpx
import pytest

from artifactstore import codec
from artifactstore.client import AsyncClient, Client, FeedError, RemoteError
from artifactstore.client.messages import CBOR
from artifactstore.errors import ERRORS, ArtifactstoreError
from artifactstore.remote.log import RemoteLog
from artifactstore.store import LogQuery

_PAYLOAD = codec.encode({"purl": "pkg:generic/app@1"})
EVENT: dict[str, Any] = {
    "actor": "user:ann",
    "payload": _PAYLOAD,
    "sequence": 1,
    "created_at": 1_700_000_000_000_000,
    "event_type": "v1.package.created",
    "subject_id": UUID(int=7).bytes,
    "subject_kind": "package",
    "payload_digest": codec.digest(_PAYLOAD),
}
HEADERS = {
    "Content-Type": CBOR,
    "Artifactstore-Epoch": "1-00000000",
    "Artifactstore-Head": "1",
    "Artifactstore-Next": "1",
    "Artifactstore-Has-More": "false",
}


def with_value(name: str, item: bytes) -> bytes:
    """The event with these bytes as the value of a column."""
    parts = [cbor2.dumps(key) + (item if key == name else cbor2.dumps(value)) for key, value in EVENT.items()]
    return bytes([0xA0 + len(parts)]) + b"".join(parts)


_KEYS = b"".join(cbor2.dumps(key) + cbor2.dumps(value) for key, value in EVENT.items())

LIES: dict[str, bytes] = {
    # Tag 28 marks the map, tag 29 refers to it: an event that contains itself.
    "shared reference": b"\xd8\x1c" + with_value("payload", b"\xd8\x1d\x00"),
    "shared value": with_value("actor", b"\xd8\x1c\x61a"),
    "tag of a time": with_value("created_at", b"\xc1\x1a\x65\x00\x00\x00"),
    "tag of a text": with_value("actor", b"\xd8\x20\x61a"),
    "unknown tag": with_value("actor", b"\xd9\xff\xff\x61a"),
    "bignum": with_value("sequence", b"\xc2\x49\x01" + bytes(8)),
    "small bignum": with_value("sequence", b"\xc2\x41\x01"),
    "negative bignum": with_value("created_at", b"\xc3\x49\x01" + bytes(8)),
    "float": with_value("sequence", b"\xfb\x3f\xf0" + bytes(6)),
    "NaN": with_value("created_at", b"\xf9\x7e\x00"),
    "true": with_value("sequence", b"\xf5"),
    "undefined": with_value("subject_id", b"\xf7"),
    "simple value": with_value("sequence", b"\xf8\x20"),
    "indefinite text": with_value("actor", b"\x7f\x61a\xff"),
    "indefinite bytes": with_value("payload", b"\x5f\x41a\xff"),
    "indefinite map": b"\xbf" + _KEYS + b"\xff",
    "key twice": b"\xa9" + _KEYS + cbor2.dumps("actor") + cbor2.dumps("user:eve"),
    "column too many": b"\xa9" + _KEYS + cbor2.dumps("more") + b"\x01",
    "column missing": cbor2.dumps({key: value for key, value in EVENT.items() if key != "actor"}),
    "number as key": b"\xa1\x01\x01",
    "array": cbor2.dumps(list(EVENT.values())),
    "number": b"\x01",
    "nested": with_value("payload", b"\x81" * 100_000 + b"\x01"),
    "deep map": b"\xa1\x61a" * 100_000,
    "text that is no UTF-8": with_value("actor", b"\x61\xff"),
    "length of 2^63": with_value("payload", b"\x5b" + b"\x7f" + b"\xff" * 7),
    "array of 2^40": b"\x9b" + (2**40).to_bytes(8),
    "break": b"\xff",
    "cut": cbor2.dumps(EVENT)[:-1],
    "time beyond the calendar": with_value("created_at", cbor2.dumps(2**62)),
    "subject of 15 bytes": with_value("subject_id", cbor2.dumps(b"s" * 15)),
    "subject as text": with_value("subject_id", cbor2.dumps("s" * 16)),
    "html": b"<html>",
}

HEADER_LIES: dict[str, dict[str, str]] = {
    "no head": {"Artifactstore-Head": ""},
    "digits without end": {"Artifactstore-Head": "9" * 5_000},
    "beyond 2^53": {"Artifactstore-Next": str(2**64)},
    "sign": {"Artifactstore-Next": "-1"},
    "underscore": {"Artifactstore-Next": "1_0"},
    "other digits": {"Artifactstore-Next": "²"},
    "digest of 4 bytes": {"Artifactstore-Next-Digest": "sha256:00000000"},
    "digest that is none": {"Artifactstore-Next-Digest": "sha256:" + "z" * 64},
    "other type": {"Content-Type": "application/cbor"},
    "no type": {"Content-Type": ""},
}


def answering(body: bytes, headers: dict[str, str], status: int = 200) -> httpx.MockTransport:
    """A server that gives this answer to everything."""
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return httpx.MockTransport(lambda _request: httpx.Response(status, content=body, headers=encoded))


def reads(transport: httpx.MockTransport) -> list[Callable[[], object]]:
    """What reads a page: both clients, by page and by tail."""

    async def page() -> object:
        async with AsyncClient("http://a", "", transport=transport) as client:
            return await client.events(0)

    async def tail() -> object:
        async with AsyncClient("http://a", "", transport=transport) as client:
            return [event async for event in client.tail(0, until=1)]

    client = Client("http://a", "", transport=transport)
    return [
        lambda: client.events(0),
        lambda: list(client.tail(0, until=1)),
        lambda: asyncio.run(page()),
        lambda: asyncio.run(tail()),
    ]


def test_f23_the_truth_is_taken() -> None:
    transport = answering(cbor2.dumps(EVENT), HEADERS)
    client = Client("http://a", "", transport=transport)
    (event,) = client.tail(0, until=1)
    assert event.payload == {"purl": "pkg:generic/app@1"}
    for read in reads(transport):
        read()


@pytest.mark.parametrize("name", LIES)
def test_f23_a_page_of_anything_but_plain_events_is_refused_by_name(name: str) -> None:
    for read in reads(answering(LIES[name], HEADERS)):
        with pytest.raises(RemoteError, match=r"foreign-answer.*no page of the feed"):
            read()


@pytest.mark.parametrize("name", LIES)
def test_f23_behind_a_good_event_too(name: str) -> None:
    with pytest.raises(RemoteError, match="foreign-answer"):
        Client("http://a", "", transport=answering(cbor2.dumps(EVENT) + LIES[name], HEADERS)).events(0)


@pytest.mark.parametrize("name", HEADER_LIES)
def test_f23_headers_that_are_none_of_the_feed(name: str) -> None:
    for read in reads(answering(cbor2.dumps(EVENT), HEADERS | HEADER_LIES[name])):
        with pytest.raises(RemoteError, match="foreign-answer"):
            read()


def test_f23_a_payload_that_is_not_canonical_is_told_when_it_is_read() -> None:
    payload = b"\xd8\x1c\xa1\x64self\xd8\x1d\x00"
    row = EVENT | {"payload": payload, "payload_digest": codec.digest(payload)}
    (event,) = Client("http://a", "", transport=answering(cbor2.dumps(row), HEADERS)).tail(0, until=1)
    with pytest.raises(ArtifactstoreError, match="bad-payload"):
        _ = event.payload


JSON_LIES = {
    "html": b"<html>",
    "nested arrays": b"[" * 200_000,
    "nested objects": b'{"a":' * 200_000,
    "nested a little too deep": b'{"a":' * 32 + b"[]" + b"}" * 32,
    "nested as deep as the parser goes": b"[" * 900 + b"]" * 900,
    "no UTF-8": b'{"head": "\xff"}',
    "digits": b'{"head": ' + b"9" * 5_000 + b"}",
    "list": b"[]",
    "null": b"null",
    "other keys": b"{}",
    "head is text": b'{"head": "x", "head_digest": null, "epoch": null}',
    "digest is a number": b'{"head": 1, "head_digest": 5, "epoch": null}',
    "digest is no hex": b'{"head": 1, "head_digest": "sha256:zz", "epoch": null}',
}


@pytest.mark.parametrize("name", JSON_LIES)
def test_f23_json_that_is_none_of_ours_has_a_name_in_the_program(name: str) -> None:
    transport = answering(JSON_LIES[name], {"Content-Type": "application/json"})
    remote = RemoteLog(Client("http://a", "", transport=transport))
    with pytest.raises(ArtifactstoreError) as refused:
        remote.head()
    assert refused.value.code == "foreign-answer"
    with pytest.raises(ArtifactstoreError) as refused:
        next(remote.follow(LogQuery(), None))
    assert refused.value.code == "foreign-answer"
    assert ERRORS["foreign-answer"].exit_code == 2


@pytest.mark.parametrize("name", JSON_LIES)
def test_f23_an_error_page_of_anything_is_a_remote_error(name: str) -> None:
    transport = answering(JSON_LIES[name], {"Content-Type": "application/problem+json"}, 404)
    with pytest.raises(RemoteError):
        Client("http://a", "", transport=transport).get("/log")


def test_f23_problems_of_other_shapes_are_told_as_they_can_be() -> None:
    codes: tuple[object, ...] = (None, 5, [], {}, "no-such-code")
    for code in codes:
        body = json.dumps({"code": code, "detail": [1], "epochs": 7}).encode()
        with pytest.raises(RemoteError) as refused:
            Client("http://a", "", transport=answering(body, {}, 409)).get("/log")
        assert refused.value.local().code == "foreign-answer"
    body = json.dumps({"code": "diverged", "epochs": 7}).encode()
    with pytest.raises((FeedError, RemoteError)):
        list(Client("http://a", "", transport=answering(body, {}, 409)).tail(0, until=1))


def test_f23_no_retry_after_is_longer_than_minutes() -> None:
    with pytest.raises(RemoteError) as refused:
        Client("http://a", "", transport=answering(b"", {"Retry-After": "9" * 4_000}, 503)).get("/log")
    assert refused.value.retry_after == 300
