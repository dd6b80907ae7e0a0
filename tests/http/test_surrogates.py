"""F21: text that is no Unicode, anywhere in a request: a problem by name, and nothing is appended."""

import itertools
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from artifactstore.events.fields import List, Object, fields_of
from artifactstore.events.kinds import Kind, Map
from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS
from tests.http.running import Registry, Running

_ID = "0193a3c2-0000-7000-8000-000000000000"
LONE = ["\ud800", "\udfff", "\udc80x", "a\ud83d", "\ude00\ud83d"]
COMMANDS = [one for one in ENDPOINTS if one.method == "POST" and not one.takes and "{store}" not in one.path]


def path_of(endpoint: Endpoint) -> str:
    """A path of the endpoint."""
    path = endpoint.path
    for parameter in endpoint.path_parameters:
        path = path.replace(f"{{{parameter.name}}}", "1" if parameter.name == "sequence" else _ID)
    return path


def places(kind: Kind, name: str, text: str) -> Iterator[object]:
    """Values of a field that hold the text: as itself, as key and value, in whatever it is made of."""
    yield text
    yield [text]
    yield {text: 1}
    yield {"a": text}
    yield {text: text, text + "b": 1}
    match kind:
        case List():
            for value in places(kind.items, name, text):
                yield [value]
        case Object():
            for field in fields_of(kind.model):
                yield from ({field.name: value} for value in places(field.kind, field.name, text))
        case Map():
            yield {text: "a"}
        case _:
            pass


def bodies(endpoint: Endpoint, text: str) -> Iterator[object]:
    """Bodies for an endpoint that hold the text somewhere."""
    yield from (text, [text], {text: 1}, {text: {text: [text]}})
    for field in endpoint.body or ():
        for value in places(field.kind, field.name, text):
            yield {field.name: value}
            yield {field.name: value, text: value}
            if endpoint.batch is not None:
                yield {endpoint.batch[0]: [{field.name: value}]}
                yield {endpoint.batch[0]: [{text: value}]}


@pytest.mark.parametrize("endpoint", COMMANDS, ids=lambda endpoint: endpoint.path)
def test_f21_a_lone_surrogate_anywhere_in_a_body(endpoint: Endpoint, shared: Registry) -> None:
    before = shared.head()
    for text in LONE:
        for body in itertools.islice(bodies(endpoint, text), 400):
            answer = shared.client.post(
                path_of(endpoint),
                content=json.dumps(body).encode(),  # as \\ud800
                headers={"Content-Type": "application/json"},
            )
            assert answer.status_code in (400, 422), (body, answer.status_code, answer.text)
            assert answer.headers["Content-Type"] == "application/problem+json"
            problem = json.loads(answer.content.decode("utf-8"))
            assert problem["code"] in ("bad-request", "bad-payload")
            json.dumps(problem, ensure_ascii=False).encode()
    assert shared.head() == before


def test_f21_the_name_is_told_as_an_escape(shared: Registry) -> None:
    for body, field in ((b'{"\\ud800": 1}', "\\ud800"), (b'{"labels": {"\\udfff": "a"}}', "labels.\\udfff")):
        answer = shared.client.post("/packages", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_f21_raw_surrogates_are_no_utf8(shared: Registry) -> None:
    for raw in (b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xff", b"\xc0\x80", b"\xf4\x90\x80\x80"):
        for body in (b'{"' + raw + b'": 1}', b'{"purl": "' + raw + b'"}', raw):
            answer = shared.client.post(
                "/packages", content=body, headers={"Content-Type": "application/json"}
            )
            assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


ESCAPES = ["%ED%A0%80", "%ED%BF%BF", "%FF", "%C0%80", "%F4%90%80%80", "%80", "%00"]
REFUSALS = {
    "bad-payload", "bad-request", "bad-ticket", "no-such-path", "not-found", "store-unknown",
    "unsupported-media-type",
}  # fmt: skip
READS = [
    pytest.param(endpoint, parameter.name, id=f"{endpoint.path} {parameter.name}")
    for endpoint in ENDPOINTS
    for parameter in (*endpoint.query, *endpoint.path_parameters)
]


@pytest.mark.parametrize(("endpoint", "name"), READS)
def test_f21_escapes_that_are_no_utf8_in_every_parameter(
    endpoint: Endpoint, name: str, shared: Registry
) -> None:
    for escape in ESCAPES:
        if any(parameter.name == name for parameter in endpoint.path_parameters):
            target = endpoint.path.replace(f"{{{name}}}", escape).replace("{path}", "a")
        else:
            target = f"{path_of(endpoint)}?{name}={escape}"
        answer = shared.client.request(endpoint.method, target)
        assert 400 <= answer.status_code < 500, (target, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] in REFUSALS


@pytest.mark.parametrize("raw", [b"\xed\xa0\x80", b"\xff", b"\x80", "ü".encode(), b"%ED%A0%80", b"\x7f"])
@pytest.mark.parametrize(
    "head",
    [
        b"GET /packages/%b HTTP/1.1", b"GET /packages?purl=%b HTTP/1.1", b"GET /%b HTTP/1.1",
        b"GET /packages?%b=1 HTTP/1.1",
        b"GET /packages HTTP/1.1\r\nX-Request-Id: %b", b"GET /packages HTTP/1.1\r\nIf-None-Match: %b",
        b"GET /packages HTTP/1.1\r\nIf-None-Match: \"%b\"", b"GET /events HTTP/1.1\r\nAccept: %b",
        b"GET /packages HTTP/1.1\r\nX-%b: a", b"GET /packages HTTP/1.1\r\nUser-Agent: %b",
        b"POST /packages HTTP/1.1\r\nContent-Length: 2\r\nContent-Type: %b",
        b"POST /packages HTTP/1.1\r\nContent-Length: 2\r\nContent-Type: application/json; charset=%b",
        b"POST /packages HTTP/1.1\r\nContent-Length: 2\r\nContent-Encoding: %b",
        b"POST /packages HTTP/1.1\r\nContent-Length: 2\r\nIdempotency-Key: %b",
        b"POST /packages HTTP/1.1\r\nContent-Length: 2\r\nIf-Match: %b",
        b"%b /packages HTTP/1.1", b"GET /packages HTTP/1.1\r\nAuthorization: Bearer %b",
    ],
)  # fmt: skip
def test_f21_raw_bytes_in_every_part_of_a_head(raw: bytes, head: bytes, shared_service: Running) -> None:
    address = urlsplit(shared_service.url)
    token = f"\r\nAuthorization: Bearer {shared_service.tokens['producer']}".encode()
    if b"Authorization" in head:
        token = b""
    with socket.create_connection((str(address.hostname), address.port or 0), 10) as connection:
        connection.sendall(head.replace(b"%b", raw) + token + b"\r\nHost: a\r\nConnection: close\r\n\r\n{}")
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    status = int(answer[9:12])
    assert status < 500, answer[:500]
    if status >= 400:
        assert b"application/problem+json" in answer.partition(b"\r\n\r\n")[0].lower(), answer[:500]
