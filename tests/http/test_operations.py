"""Methods of the clients: one for every endpoint, with its parameters, and what they answer."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from artifactstore.client import AsyncClient, Client, RemoteError
from artifactstore.client.messages import read_json
from artifactstore.client.operation import Blocking, Operation
from artifactstore.client.operations import COMMANDS, Operations
from artifactstore.client.reading import UnlikelyError, read_answer
from artifactstore.client.requests import Exchange
from artifactstore.events import EVENT_TYPES, new_id
from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS
from docs.generate import operations
from tests.http.running import Running
from tests.surroundings.endpoints import QUERIES, Tour

OFFERED = [one for one in ENDPOINTS if (one.method.lower(), one.path) not in operations.ELSEWHERE]


def method_of(endpoint: Endpoint) -> Operation[Any, Any]:
    """The method for an endpoint."""
    group, name = operations.named(endpoint.method.lower(), endpoint.path)
    found = getattr(type(getattr(Operations[Blocking](lambda _: None), group)), name)
    assert isinstance(found, Operation)
    return found


@pytest.mark.parametrize("endpoint", OFFERED, ids=lambda one: f"{one.method} {one.path}")
def test_every_endpoint_has_a_method_with_its_parameters(endpoint: Endpoint) -> None:
    signature = inspect.signature(method_of(endpoint).make)
    told = {name.removesuffix("_") for name in signature.parameters}
    expected = {one.name for one in (*endpoint.path_parameters, *endpoint.query)}
    expected |= {field.name for field in endpoint.body or ()}
    expected |= {"key"} if endpoint.keyed else set()
    expected |= {"expected"} if endpoint.if_match else set()
    assert told == expected
    required = {field.name for field in endpoint.body or () if field.required}
    required |= {one.name for one in endpoint.path_parameters}
    required |= {one.name for one in endpoint.query if one.required}
    without_default = {
        name.removesuffix("_")
        for name, one in signature.parameters.items()
        if one.default is inspect.Parameter.empty
    }
    assert without_default == required


def test_every_command_is_known_by_the_event_that_it_appends() -> None:
    by_door = {"v1.file.ingested", *(name for name in EVENT_TYPES if name.startswith("v1.system."))}
    assert COMMANDS.keys() == EVENT_TYPES.keys() - by_door


def test_the_generated_modules_are_those_of_the_routes() -> None:
    answers, methods = operations.generate()
    client = operations.__file__.replace("docs/generate/operations.py", "artifactstore/client/")
    for name, text in (("answers", answers), ("operations", methods)):
        with open(f"{client}{name}.py", encoding="utf-8") as file:  # noqa: PTH123
            assert file.read() == text, f"{name}.py is stale: run scripts/docs"


class Typed(Tour):
    """Goes to every endpoint by the methods of a client.

    Args:
        perform: sends the request of an operation.
    """

    def __init__(self, perform: Any) -> None:
        super().__init__(httpx.Client())
        self.perform = perform

    def _ask(self, method: str, path: str, body: Any = None) -> None:
        endpoint = next(one for one in ENDPOINTS if (one.method, one.path) == (method, path))
        if endpoint not in OFFERED:
            if isinstance(body, bytes):
                sent = {"content": body}
                target = path.format(**self.known)
                self._learn(path, self.perform(Exchange(method, target, read_json, sent)))
            return
        given = {**QUERIES.get(path, {}), **(body or {})}
        named = {one.name: one.kind.read_text(self.known[one.name]) for one in endpoint.path_parameters}
        words = {f"{name}_" if name in ("from",) else name: value for name, value in given.items()}
        try:
            answer = self.perform(method_of(endpoint).make(*named.values(), **words))
        except RemoteError as refused:
            self.answers.append((method, path, refused.status, refused.code))
            return
        if method != "GET":
            self._note(path, answer)
        self.answers.append((method, path, 200, answer))

    def _note(self, path: str, answer: Any) -> None:
        self._learn(path, asdict(answer))
        self.known = {name: str(value) for name, value in self.known.items()}


@pytest.fixture
def blocking(service: Running) -> Iterator[Client]:
    """A client that blocks, of an operator."""
    with Client(service.url, service.tokens["operator"]) as client:
        yield client


def check(answers: list[tuple[str, str, int, Any]]) -> None:
    """Every endpoint was asked, and answered what its type says."""
    assert {(method, path) for method, path, _, _ in answers} == {(one.method, one.path) for one in OFFERED}
    assert {status for _, _, status, _ in answers} <= {200, 409}
    for _, path, status, answer in answers:
        if status == 200:
            assert is_dataclass(answer) or path in ("/metrics", "/openapi.json"), path


def test_every_method_answers_a_dataclass(blocking: Client) -> None:
    check(Typed(blocking.perform).go())


def test_every_method_is_awaitable_on_asyncio(service: Running) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    client = AsyncClient(service.url, service.tokens["operator"])
    try:
        perform = lambda request: asyncio.run_coroutine_threadsafe(client.perform(request), loop).result(30)  # noqa: E731
        check(Typed(perform).go())
        asyncio.run_coroutine_threadsafe(client.close(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_ids_times_and_digests_have_one_form(blocking: Client) -> None:
    package_id, until = new_id(), datetime.now(UTC) + timedelta(days=1)
    made = blocking.packages.create(
        purl="pkg:generic/a@1", package_id=package_id, retention={"mode": "governance", "until": until}
    )
    assert (made.subject_id, made.event_type) == (package_id, "v1.package.created")
    files = blocking.files.add_many(package_id, files=[{"path": "a", "size": 1, "blake3": b"\xab" * 32}])
    assert blocking.files.get(files.files[0].file_id).blake3 == "ab" * 32
    assert blocking.retention.get(package_id).retain_until == until
    sealed = blocking.packages.seal(package_id, manifest_digest=None)
    assert blocking.packages.get(package_id, min_sequence=sealed.sequence).state == "sealed"
    hold = blocking.holds.place(package_id, case="c", reason="r")
    assert isinstance(blocking.holds.list(package_id).holds[0].hold_id, UUID)
    assert blocking.holds.release(package_id, UUID(hold.payload["hold_id"]), reason="r").sequence
    with pytest.raises(RemoteError) as refused:
        blocking.packages.label(package_id, set={"a": "b"}, expected=1)
    assert refused.value.code == "changed"


class Flaky(httpx.BaseTransport):
    """Carries requests to a service, but loses the answers of the first few, or answers for it."""

    def __init__(self, times: int, instead: httpx.Response | None) -> None:
        self.times, self.instead, self.sent = times, instead, 0
        self._inner = httpx.HTTPTransport(verify=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += 1
        answer = self._inner.handle_request(request)
        if self.sent > self.times:
            return answer
        answer.read()
        answer.close()
        if self.instead is not None:
            return self.instead
        raise httpx.ReadError("lost", request=request)

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize("refused", [False, True])
def test_a_command_whose_answer_was_lost_is_carried_out_once(service: Running, refused: bool) -> None:
    transport = Flaky(2, httpx.Response(503, json={"code": "busy", "detail": "d"}) if refused else None)
    with Client(service.url, service.tokens["producer"], transport=transport) as client:
        made = client.packages.create(purl="pkg:generic/a@1")
        assert transport.sent == 3
        assert client.packages.get(made.subject_id).created_sequence == made.sequence
    never = Client(service.url, service.tokens["producer"], transport=Flaky(99, None))
    with never, pytest.raises(httpx.ReadError):
        never.service.whoami()


def test_a_refusal_is_not_tried_again(service: Running) -> None:
    transport = Flaky(0, None)
    with Client(service.url, service.tokens["producer"], transport=transport) as client:
        with pytest.raises(RemoteError):
            client.packages.get(new_id())
        assert transport.sent == 1


@pytest.mark.parametrize("value", [None, [], "text", {}, {"now": 1}, {"now": "yesterday"}])
def test_an_answer_of_another_shape_has_a_name(value: object) -> None:
    from artifactstore.client.answers import ServiceClockAnswer

    with pytest.raises(UnlikelyError):
        read_answer(ServiceClockAnswer, value)
