"""Bytes with nothing but a token: what is cut is gone on with, and what is bad is never taken."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from artifactstore.cli import cli
from artifactstore.client import Client, RemoteError
from artifactstore.errors import ArtifactstoreError
from artifactstore.jobs.below import PARTS
from artifactstore.jobs.uploads import unfinished
from tests.cli.program import Outcome
from tests.http.running import Running, running
from tests.http.shelving import Shelf, digests, shelved
from tests.timing import until

MIB = 1024 * 1024
FILES = {
    "a/b/c": b"nested",
    "empty": b"",
    "large": os.urandom(MIB) * 9 + b"end",
    "ü %": b"named",
}


@pytest.fixture(scope="module")
def shelf(module_conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A service with the stores main and spare that the tests of this module share."""
    with shelved(module_conninfo, tmp_path_factory.mktemp("stores")) as made:
        yield made


@pytest.fixture
def client(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of a producer; this machine remembers uploads in a directory of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with Client(shelf.service.url, shelf.service.tokens["producer"]) as opened:
        yield opened


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with FILES."""
    return write(tmp_path / "tree", FILES)


@pytest.fixture
def purl(tmp_path: Path) -> str:
    """A package of this test's own."""
    return f"pkg:generic/{tmp_path.name.lower()}@1"


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def files_in(root: Path) -> dict[str, bytes]:
    """Path → content of what has its name there."""
    found = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(PARTS)}


def say(shelf: Shelf, *arguments: str | Path, role: str = "producer") -> Outcome:
    """What the program says over the URL."""
    given = ["--json", "--url", shelf.service.url, "--token", shelf.service.tokens[role]]
    result = CliRunner().invoke(cli, [*given, *map(str, arguments)])
    assert "Traceback" not in result.stderr
    return Outcome(result.exit_code, result.stdout, result.stderr)


def figures(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outcome.stderr.splitlines()[-1])
    return found


def copy_of(shelf: Shelf, purl: str, path: str) -> Path:
    """Where the bytes of a file of a package are in main."""
    package = shelf.registry.get("/packages", purl=purl)["packages"][0]["package_id"]
    (file,) = shelf.registry.get(f"/packages/{package}/files", path=path)["files"]
    found = shelf.registry.get(f"/files/{file['file_id']}/locations")["locations"]
    (location,) = [one["location_id"] for one in found if one["backend"] == "main"]
    return shelf.copy({"location_ids": [location]})


def damage(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


# Python


def test_a_directory_goes_and_comes_back(client: Client, tree: Path, tmp_path: Path, purl: str) -> None:
    sent = client.packages.upload(purl, tree, store="main", seal=True, labels={"a": "b"}, exclude=["*.tmp"])
    assert (sent.appended, sent.state, sent.created) == (len(FILES), "sealed", True)
    assert client.packages.upload(purl, tree, store="main").unchanged == len(FILES)
    got = client.packages.fetch(purl, tmp_path / "out")
    assert files_in(tmp_path / "out") == FILES
    assert (got.fetched, got.manifest) == (len(FILES), sent.sealed and sent.sealed.manifest_digest)
    (tmp_path / "out" / "ü %").write_bytes(b"other")
    with pytest.raises(ArtifactstoreError, match="other content") as refused:
        client.packages.fetch(purl, tmp_path / "out")
    assert (refused.value.code, refused.value.detail["files"]) == ("content-unavailable", ["ü %"])
    client.packages.fetch(purl, tmp_path / "out", ["ü %"], replace=True)
    assert files_in(tmp_path / "out") == FILES


def test_a_file_is_read_from_anywhere(client: Client, tree: Path, purl: str) -> None:
    client.packages.upload(purl, tree, store="main")
    content = FILES["large"]
    with client.packages.open(purl, "large") as file:
        assert file.read(3) == content[:3]
        for at in (len(content) - 3, 5 * MIB, 0, MIB):
            assert file.seek(at) == file.tell() == at
            assert file.read(MIB) == content[at : at + MIB]
        assert file.seek(-3, os.SEEK_END) == len(content) - 3
        assert file.read() == b"end"
        assert file.seek(5, os.SEEK_CUR) > len(content)
        assert file.read(1) == b""
        with pytest.raises(ValueError, match="nothing at"):
            file.seek(-1)
        file.seek(0)
        assert file.read() == content
    for path in ("empty", "ü %"):
        with client.packages.open(purl, path) as file:
            assert file.read() == FILES[path]
    with pytest.raises(ArtifactstoreError, match="not-found"):
        client.packages.open(purl, "nope")
    with pytest.raises(RemoteError, match="not-found"):
        client.packages.open("pkg:generic/nope@1", "a")


# Cut


class Cutting(httpx.HTTPTransport):
    """A way to the service on which bodies are cut after some bytes, so many times."""

    def __init__(self, times: int, after: int = 3 * MIB) -> None:
        super().__init__(verify=False)
        self.times = times
        self.after = after
        self.asked: list[str | None] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method == "GET" and request.url.path.endswith("/content"):
            self.asked.append(request.headers.get("Range"))
            if self.times:
                self.times -= 1
                response.stream = CutStream(response.stream, self.after)
        return response


class CutStream(httpx.SyncByteStream):
    """Some bytes of an answer, and then none any more."""

    def __init__(self, stream: Any, after: int) -> None:
        self._stream = stream
        self._left = after

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            yield piece[: self._left]
            self._left -= len(piece)
            if self._left <= 0:
                raise httpx.ReadError("cut")

    def close(self) -> None:
        self._stream.close()


def test_what_is_cut_is_gone_on_with(
    shelf: Shelf, client: Client, tree: Path, tmp_path: Path, purl: str
) -> None:
    client.packages.upload(purl, tree, store="main")
    way = Cutting(2)
    with Client(shelf.service.url, shelf.service.tokens["reader"], transport=way) as cut:
        report = cut.packages.fetch(purl, tmp_path / "out", ["large"])
    assert files_in(tmp_path / "out") == {"large": FILES["large"]}
    assert (report.received, report.bad) == (len(FILES["large"]), 0)
    assert way.asked == [None, f"bytes={3 * MIB}-", f"bytes={6 * MIB}-"]


def test_a_part_that_is_there_is_gone_on_with(
    shelf: Shelf, client: Client, tree: Path, tmp_path: Path, purl: str
) -> None:
    """Whatever is in it: what is wrong costs a second reading."""
    client.packages.upload(purl, tree, store="main")
    package = client.packages.get(purl).package_id
    (file,) = client.files.list(package, path="large").files
    for part, resumed in (
        (FILES["large"][: 5 * MIB], 5 * MIB),
        (FILES["large"], len(FILES["large"])),
        (b"x", 1),
    ):
        out = tmp_path / f"out-{resumed}"
        (out / PARTS).mkdir(parents=True)
        (out / PARTS / f"{file.file_id}.part").write_bytes(part)
        outcome = say(shelf, "fetch", purl, "-o", out, role="reader")
        assert (outcome.code, figures(outcome)["resumed"]) == (0, resumed), outcome
        assert files_in(out) == FILES


def test_a_killed_upload_goes_on_where_it_was(
    shelf: Shelf, tmp_path: Path, purl: str, client: Client
) -> None:
    content = b"".join(os.urandom(MIB) * 16 for _ in range(3))
    tree = write(tmp_path / "big", {"big": content})
    words = ("ingest", str(tree), "--purl", purl, "--store", "main")
    assert killed(shelf.service, *words, at="upload.part:2") == -signal.SIGKILL
    assert list(unfinished.directory().iterdir())
    outcome = say(shelf, *words)
    assert outcome.code == 0, outcome
    (told,) = outcome.objects
    assert 16 * MIB <= told["stores"]["main"]["resumed"] <= 3 * 16 * MIB
    assert not list(unfinished.directory().iterdir())
    with client.packages.open(purl, "big") as file:
        assert file.read() == content


def killed(service: Running, *arguments: str, at: str) -> int:
    """How the program ends that dies at a point, over the URL."""
    command = [sys.executable, "-m", "artifactstore", "--url", service.url]
    command += ["--token", service.tokens["producer"], *arguments]
    environment = {**os.environ, "ARTIFACTSTORE_FAULT": at}
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def test_an_upload_that_the_service_cannot_open_any_more_begins_anew(
    service_conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart with another ARTIFACTSTORE_TICKET_KEY."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    tree = write(tmp_path / "big", {"big": os.urandom(MIB) * 17})
    with shelved(service_conninfo, tmp_path / "own") as first:
        tokens, config = first.service.tokens, first.service.settings.stores
        words = ("ingest", str(tree), "--purl", "pkg:generic/a@1", "--store", "main")
        assert killed(first.service, *words, at="upload.part:1") == -signal.SIGKILL
    with (
        running(service_conninfo, tokens, stores=config) as second,
        Client(second.url, tokens["producer"]) as opened,
    ):
        assert opened.packages.upload("pkg:generic/a@1", tree, store="main").appended == 1


# Bad


DAMAGES: dict[str, Callable[[Path, bytes], object]] = {
    "missing": lambda path, _: path.unlink(),
    "shorter": lambda path, _: damage(path, b"short"),
    "another byte": lambda path, content: damage(path, b"x" + content[1:]),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_bad_copy_is_found_by_the_service_and_another_one_given(
    shelf: Shelf, client: Client, tmp_path: Path, purl: str, name: str
) -> None:
    content = name.encode() + FILES["large"]
    client.packages.upload(purl, write(tmp_path / "one", {"large": content}), store="main")
    place = f"/files/{client.files.list(client.packages.get(purl).package_id).files[0].file_id}/locations"
    upload = shelf.registry.post("/stores/spare/uploads", {"size": len(content)})["upload"]
    assert shelf.client.put(f"/stores/spare/uploads/{upload}/parts/1", content=content).is_success
    said = dict(zip(("blake3", "sha256"), digests(content), strict=True))
    ticket = shelf.registry.post(f"/stores/spare/uploads/{upload}/complete", said)["ticket"]
    shelf.registry.post(place, {"ticket": ticket})
    DAMAGES[name](copy_of(shelf, purl, "large"), content)
    outcome = say(shelf, "fetch", purl, "-o", tmp_path / "out")
    assert files_in(tmp_path / "out") == {"large": content}
    assert (figures(outcome)["fetched"], figures(outcome)["failed"]) == (1, 0), outcome

    def states() -> list[tuple[str, str]]:
        return sorted((one["backend"], one["state"]) for one in shelf.registry.get(place)["locations"])

    until(lambda: states() == [("main", "failed"), ("spare", "registered")], "the bad copy is recorded")


def test_without_a_good_copy_there_is_no_file(
    shelf: Shelf, client: Client, tmp_path: Path, purl: str
) -> None:
    content = {"large": purl.encode() + FILES["large"], "small": b"small of " + purl.encode()}
    client.packages.upload(purl, write(tmp_path / "own", content), store="main")
    damage(copy_of(shelf, purl, "large"), b"x" + content["large"][1:])
    outcome = say(shelf, "fetch", purl, "-o", tmp_path / "out")
    assert (outcome.code, figures(outcome)["failed"]) == (1, 1), outcome
    assert files_in(tmp_path / "out") == {"small": content["small"]}
    assert {one["path"] for one in outcome.objects} == {"large"}
    outcome = say(shelf, "cat", purl, "large")
    assert (outcome.code, outcome.error["code"]) == (5, "content-unavailable")


class Instead(httpx.HTTPTransport):
    """A way to the service on which something else answers for contents; None: the service does."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response | None]) -> None:
        super().__init__(verify=False)
        self.answer = answer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.answer(request) if request.url.path.endswith("/content") else None
        return super().handle_request(request) if answer is None else answer


def by(shelf: Shelf, answer: Callable[[httpx.Request], httpx.Response | None]) -> Client:
    """A client on such a way."""
    return Client(shelf.service.url, shelf.service.tokens["producer"], transport=Instead(answer))


def saying(content: bytes) -> Callable[[httpx.Request], httpx.Response]:
    """An answer that gives these bytes, whatever is asked for."""
    tag = {"ETag": f'"b3-{"0" * 64}"'}
    return lambda _: httpx.Response(200, content=content, headers=tag)


def test_what_a_service_gives_is_compared(
    shelf: Shelf, client: Client, tree: Path, tmp_path: Path, purl: str
) -> None:
    client.packages.upload(purl, tree, store="main")
    head = shelf.registry.head()
    for content in (b"NESTED", b"nest", b"", b"NESTED and more"):
        with by(shelf, saying(content)) as liar:
            with pytest.raises(ArtifactstoreError, match="content-unavailable"):
                liar.packages.fetch(purl, tmp_path / "out", ["a/b/c"])
            with (
                liar.packages.open(purl, "a/b/c") as file,
                pytest.raises(ArtifactstoreError, match="content-damaged"),
            ):
                file.read()
    with (
        by(shelf, lambda _: httpx.Response(200, html="<h1>log in</h1>")) as portal,
        pytest.raises(ArtifactstoreError, match="foreign-answer"),
    ):
        portal.packages.fetch(purl, tmp_path / "out")
    assert files_in(tmp_path / "out") == {}
    assert shelf.registry.head() == head  # nobody blames a copy that was not read


# Elsewhere


@contextmanager
def storing(answers: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """A store that gives these bodies by path; where it is, and the heads of the requests that came."""
    heads: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    head = connection.recv(65_536).decode()
                    heads.append(head)
                    body = answers.get(head.split()[1])
                    status = "403 Forbidden" if body is None else "200 OK"
                    length = f"Content-Length: {len(body or b'')}\r\nConnection: close\r\n\r\n"
                    connection.sendall(f"HTTP/1.1 {status}\r\n{length}".encode() + (body or b""))

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", heads
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("case", ["right", "wrong bytes", "refused", "not there"])
def test_a_store_that_the_service_names_does_not_get_the_token(
    shelf: Shelf, client: Client, tree: Path, tmp_path: Path, purl: str, case: str
) -> None:
    """And where it gives nothing, or something else, the service is asked for the bytes themselves."""
    client.packages.upload(purl, tree, store="main")
    bodies = {"right": {"/k": b"nested"}, "wrong bytes": {"/k": b"NESTED"}}.get(case, {})
    asked: list[str] = []
    with storing(bodies) as (url, heads):
        place = "http://127.0.0.1:1" if case == "not there" else url

        def answer(request: httpx.Request) -> httpx.Response | None:
            asked.append(request.url.query.decode())
            return None if asked[-1] else httpx.Response(307, headers={"Location": f"{place}/k"})

        with by(shelf, answer) as redirected:
            redirected.packages.fetch(purl, tmp_path / "out", ["a/b/c"])
    assert files_in(tmp_path / "out") == {"a/b/c": b"nested"}
    assert asked == ([""] if case == "right" else ["", "redirect=0"])
    assert len(heads) == (case != "not there")
    assert "authorization" not in "".join(heads).lower()
    assert "ast_" not in "".join(heads)


# Refused


def test_what_may_not_be_is_refused_before_anything_is_appended(
    shelf: Shelf, client: Client, tree: Path, tmp_path: Path, purl: str
) -> None:
    head = shelf.registry.head()
    for more, role, code, error in (
        (("--store", "main"), "reader", 7, "forbidden"),
        (("--store", "mian"), "producer", 4, "store-unknown"),
        (("--store", "main,spare"), "producer", 2, "database-only"),
    ):
        outcome = say(shelf, "ingest", tree, "--purl", purl, *more, role=role)
        assert (outcome.code, outcome.error["code"]) == (code, error), outcome
    assert shelf.registry.head() == head
    client.packages.upload(purl, tree, store="main")
    outcome = say(shelf, "fetch", purl, "-o", tmp_path / "out", "--from", "main")
    assert (outcome.code, outcome.error["code"]) == (2, "database-only")
    with Client(shelf.service.url, "ast_wrong") as nobody, pytest.raises(RemoteError, match="unauthorized"):
        nobody.packages.open(purl, "large")


def test_a_service_that_goes_away_ends_a_fetch(
    shelf: Shelf, client: Client, tree: Path, tmp_path: Path, purl: str
) -> None:
    client.packages.upload(purl, tree, store="main")
    told = {"code": "unauthorized", "detail": "revoked"}
    with (
        by(shelf, lambda _: httpx.Response(401, json=told)) as refused,
        pytest.raises(ArtifactstoreError, match="unauthorized"),
    ):
        refused.packages.fetch(purl, tmp_path / "out")
    assert files_in(tmp_path / "out") == {}
