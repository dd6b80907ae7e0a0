"""``ingest --store``: the bytes are in the stores, and the log names them."""

import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from artifactstore.errors import Busy, Refused
from artifactstore.jobs.uploads import keeping, unfinished
from artifactstore.store.objects import Objects
from artifactstore.stores.base import SMALL
from artifactstore.stores.local import LocalStore
from tests.cli.program import PURL, Program
from tests.shelves import Shelves, shelves
from tests.timing import until

MIB = 1024 * 1024
FILES = {
    "empty": b"",
    "a/b": b"nested",
    "same": b"nested",
    "ü %": b"escaped" * 1_000,
    "small": os.urandom(1) * SMALL,
    "large": os.urandom(MIB) * 9,
    "larger": os.urandom(MIB) * 20 + b"end",
}
OTHER = "pkg:generic/other@1"


@pytest.fixture
def shelf(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelves:
    """Stores main and shelf of a log that has begun."""
    program.row("package", "create", "pkg:generic/first@1")
    return shelves(program, tmp_path / "stores", monkeypatch)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with FILES."""
    return write(tmp_path / "tree", FILES)


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def ingest(shelf: Shelves, tree: Path, *more: str, purl: str = PURL) -> dict[str, Any]:
    return shelf.program.row("ingest", tree, "--purl", purl, "--store", *(more or ("main",)))


def contents(shelf: Shelves, name: str, purl: str = PURL) -> dict[str, bytes]:
    """Path → bytes of the copies in a store, by what the log says."""
    objects = shelf.objects(name)
    return {path: objects[uri] for path, backend, uri, _ in shelf.copies(purl) if backend == name}


def test_every_file_is_an_object_that_the_log_names(shelf: Shelves, tree: Path) -> None:
    report = ingest(shelf, tree)
    assert contents(shelf, "main") == FILES
    assert (report["appended"], report["events"]) == (len(FILES), len(FILES) + 1)
    told = report["stores"]["main"]
    assert (told["put"], told["shared"], told["lacking"], told["resumed"]) == (len(FILES) - 1, 1, 0, 0)
    assert told["bytes"] == sum(map(len, set(FILES.values())))
    assert len(shelf.objects("main")) == len(set(FILES.values()))
    for file in shelf.program.rows("package", "files", PURL):
        assert file["blake3"] == blake3(FILES[file["path"]]).hexdigest()
    assert {state for *_, state in shelf.copies(PURL)} == {"registered"}
    assert not list(unfinished.directory().iterdir())


def test_without_store_nothing_is_kept(shelf: Shelves, tree: Path) -> None:
    report = shelf.program.row("ingest", tree, "--purl", PURL)
    assert "stores" not in report
    assert {backend for _, backend, *_ in shelf.copies(PURL)} == {"file"}
    assert shelf.objects("main") == {}


def test_one_read_feeds_all_stores(shelf: Shelves, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bytes] = []
    real = os.open

    def note(path: Any, *arguments: Any, **keywords: Any) -> int:
        if os.fsencode(path).startswith(os.fsencode(tree) + b"/"):
            opened.append(os.fsencode(path))
        return real(path, *arguments, **keywords)

    monkeypatch.setattr(os, "open", note)
    report = ingest(shelf, tree, "main,shelf", "--seal")
    assert len(opened) == len(set(opened)) == len(FILES)
    assert contents(shelf, "main") == contents(shelf, "shelf") == FILES
    assert (report["state"], report["stores"].keys()) == ("sealed", {"main", "shelf"})


def test_what_the_log_knows_is_shared_by_packages(shelf: Shelves, tree: Path) -> None:
    ingest(shelf, tree)
    before = shelf.objects("main").keys()
    report = ingest(shelf, tree, purl=OTHER)
    assert (report["stores"]["main"]["put"], report["stores"]["main"]["shared"]) == (0, len(FILES))
    assert shelf.objects("main").keys() == before
    assert contents(shelf, "main", OTHER) == FILES
    shelf.configure("main", "shelf", dedupe=False)
    report = ingest(shelf, tree, purl="pkg:generic/third@1")
    assert (report["stores"]["main"]["put"], report["stores"]["main"]["shared"]) == (len(FILES), 0)


def test_run_again_it_puts_what_is_lacking(shelf: Shelves, tree: Path) -> None:
    ingest(shelf, tree)
    write(tree, {"new": b"new", "a/too": b"nested"})
    report = ingest(shelf, tree)
    assert (report["unchanged"], report["appended"]) == (len(FILES), 2)
    assert contents(shelf, "main") == {**FILES, "new": b"new", "a/too": b"nested"}
    with shelf.program.unchanged():
        assert ingest(shelf, tree)["events"] == 0


def test_a_file_that_changes_is_named_and_the_others_are_kept(
    shelf: Shelves, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing = {(tree / name).stat().st_ino for name in ("larger", "ü %")}
    real = os.readv

    def grow(descriptor: int, buffers: Any) -> int:
        read = real(descriptor, buffers)
        if os.fstat(descriptor).st_ino in changing:
            with Path(f"/proc/self/fd/{descriptor}").open("ab") as grown:
                grown.write(b"more")
        return read

    monkeypatch.setattr(os, "readv", grow)
    outcome = shelf.program.run("--json", "ingest", tree, "--purl", PURL, "--store", "main")
    assert (outcome.code, outcome.error["code"]) == (3, "manifest-changed")
    assert outcome.error["detail"]["files"] == 2
    assert contents(shelf, "main") == {n: c for n, c in FILES.items() if n not in ("larger", "ü %")}
    assert not list(unfinished.directory().iterdir())
    monkeypatch.undo()


def refuse_puts(monkeypatch: pytest.MonkeyPatch, store: str, after: int, failure: Exception) -> None:
    """Let a local store take so many small objects, and refuse the others."""
    real, taken, lock = LocalStore.put, [0], threading.Lock()

    def put(self: LocalStore, key: str, data: bytes, sha256: bytes) -> None:
        if self.name == store:
            with lock:
                taken[0] += 1
                if taken[0] > after:
                    raise failure
        real(self, key, data, sha256)

    monkeypatch.setattr(LocalStore, "put", put)


DOWN = Busy("store-unavailable", {"problem": "shelf: away", "store": "shelf"})


def test_a_store_that_fails_is_done_without_if_copies_are_enough(
    shelf: Shelves, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_puts(monkeypatch, "shelf", 2, DOWN)
    report = ingest(shelf, tree, "main,shelf", "--min-copies", "1")
    assert contents(shelf, "main") == FILES
    there = contents(shelf, "shelf")
    told = report["stores"]["shelf"]
    assert told["failure"] == "store-unavailable"
    assert told["lacking"] == len(FILES) - len(there) > 0
    assert all(FILES[path] == content for path, content in there.items())


def test_too_few_stores_end_it_and_what_is_durable_is_appended(
    shelf: Shelves, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "CHUNK_FILES", 2)
    refuse_puts(monkeypatch, "shelf", 2, DOWN)
    arguments = ("--json", "ingest", tree, "--purl", PURL, "--store", "main,shelf", "--min-copies", "2")
    outcome = shelf.program.run(*arguments)
    assert (outcome.code, outcome.error["code"]) == (5, "store-unavailable")
    assert contents(shelf, "main") == contents(shelf, "shelf")
    assert 1 <= len(contents(shelf, "main")) < len(FILES)
    monkeypatch.undo()
    monkeypatch.setenv("ARTIFACTSTORE_STORES", str(shelf.file))
    shelf.program.row(*arguments[1:])
    assert contents(shelf, "main") == contents(shelf, "shelf") == FILES


def test_a_file_that_a_store_does_not_take_is_named_and_the_others_are_kept(
    shelf: Shelves, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = LocalStore.put

    def put(self: LocalStore, key: str, data: bytes, sha256: bytes) -> None:
        if data == FILES["ü %"]:
            raise Refused("store-refused", {"problem": "EntityTooOdd", "store": self.name})
        real(self, key, data, sha256)

    monkeypatch.setattr(LocalStore, "put", put)
    outcome = shelf.program.run("--json", "ingest", tree, "--purl", PURL, "--store", "main")
    assert (outcome.code, outcome.error["code"]) == (3, "manifest-changed")
    assert "ü % (main: store-refused (EntityTooOdd))" in outcome.error["detail"]["problem"]
    assert contents(shelf, "main") == {n: c for n, c in FILES.items() if n != "ü %"}


def test_bytes_that_are_going_are_uploaded_once_more(
    shelf: Shelves, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question what is known and the append another package gave the bytes up."""
    ingest(shelf, tree, purl=OTHER)
    given_up = {uri for *_, uri, _ in shelf.copies(OTHER)}
    real = Objects.known

    def known(self: Objects, backend: str, asked: Sequence[tuple[bytes, int]]) -> list[str | None]:
        found = real(self, backend, asked)
        if given_up:
            shelf.program.row("package", "delete", OTHER, "--reason", "r")
            shelf.program.row("package", "purge", OTHER, "--reason", "r", "--yes")
            given_up.clear()
        return found

    before = set(given_up)
    monkeypatch.setattr(Objects, "known", known)
    report = ingest(shelf, tree)
    assert report["appended"] == len(FILES)
    assert contents(shelf, "main") == FILES
    assert not before & {uri for *_, uri, _ in shelf.copies(PURL)}


BAD_USES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no such store": (("--store", "mian"), 4, "store-unknown"),
    "twice": (("--store", "main,main"), 2, "usage"),
    "empty": (("--store", "main,"), 2, "usage"),
    "too many copies": (("--store", "main", "--min-copies", "2"), 2, "usage"),
    "copies of nothing": (("--min-copies", "1"), 2, "usage"),
    "file is none": (("--store", "file"), 4, "store-unknown"),
}


@pytest.mark.parametrize("use", BAD_USES)
def test_bad_uses_are_refused_before_anything_is_read(shelf: Shelves, tree: Path, use: str) -> None:
    arguments, code, error = BAD_USES[use]
    shelf.program.refused("ingest", tree, "--purl", PURL, *arguments, code=code, error=error)
    assert shelf.objects("main") == {}


def test_a_place_that_is_away_is_not_written_to(shelf: Shelves, tree: Path) -> None:
    """As a mount that is not there: its marker is missing."""
    (shelf.root("main") / "artifactstore.json").rename(shelf.directory / "away")
    arguments = ("ingest", tree, "--purl", PURL, "--store", "main")
    shelf.program.refused(*arguments, code=5, error="store-unavailable")
    assert shelf.objects("main") == {}


def start(shelf: Shelves, tree: Path, *more: str, **environment: str) -> Any:
    import subprocess

    command = [sys.executable, "-m", "artifactstore", "--json", "--database-url", shelf.program.conninfo]
    command += ["ingest", str(tree), "--purl", PURL, "--store", "main", *more]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )


def test_ctrl_c_finishes_what_is_on_its_way(shelf: Shelves, tmp_path: Path) -> None:
    many = {f"d{n % 7}/f{n}": f"{n}".encode() * 50 for n in range(4_000)}
    tree = write(tmp_path / "many", many)
    process = start(shelf, tree)
    until(lambda: shelf.program.head() > 500, "files are appended", seconds=240)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert (process.returncode, told.strip().splitlines()[-1]) == (130, "interrupted")
    there = contents(shelf, "main")
    assert 0 < len(there) < len(many)
    assert len(shelf.objects("main")) == len(there)  # nothing that was put is left without its event
    report = ingest(shelf, tree)
    assert report["unchanged"] == len(there)
    assert contents(shelf, "main") == many


def test_ctrl_c_is_what_it_was_but_while_files_are_put(
    shelf: Shelves, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a store, and while what is known is compared, nothing is on its way that should be finished."""
    handlers = set[object]()
    real = os.readv

    def note(descriptor: int, buffers: Any) -> int:
        handlers.add(signal.getsignal(signal.SIGINT))
        return real(descriptor, buffers)

    monkeypatch.setattr(os, "readv", note)
    usual = signal.getsignal(signal.SIGINT)
    shelf.program.row("ingest", tree, "--purl", OTHER)
    assert handlers == {usual}
    ingest(shelf, tree)
    assert len(handlers) == 2
    handlers.clear()
    ingest(shelf, tree)
    assert handlers == {usual} == {signal.getsignal(signal.SIGINT)}


RESUMED: dict[str, tuple[Callable[[Shelves], object], int, int]] = {
    "as it was left": (lambda _: None, 1, 3),
    "another part was written": (lambda shelf: _spoil_part(shelf), 0, 2),
    "nothing is known of it here": (lambda _: _forget(), 0, 0),
    "the store has none": (lambda shelf: _remove_parts(shelf), 0, 0),
    "what is known is no JSON": (lambda _: _scribble(), 0, 0),
}
"""What happens meanwhile, and how many parts of three the next run finds good, at least and at most."""


def _states() -> list[Path]:
    return list(unfinished.directory().glob("*.jsonl"))


def _forget() -> None:
    for state in _states():
        state.unlink()


def _scribble() -> None:
    for state in _states():
        state.write_bytes(b"\xff{")


def _upload(shelf: Shelves) -> tuple[LocalStore, str, str]:
    from artifactstore.stores.opening import Stores

    (state,) = _states()
    head = json.loads(state.read_text().splitlines()[0])
    store = Stores.load(shelf.file)["main"]
    assert isinstance(store, LocalStore)
    return store, head["key"], head["upload_id"]


def _spoil_part(shelf: Shelves) -> None:
    import hashlib

    store, key, upload_id = _upload(shelf)
    other = b"x" * (16 * MIB)
    store.write_part(key, upload_id, 1, other, hashlib.sha256(other).digest())


def _remove_parts(shelf: Shelves) -> None:
    store, key, upload_id = _upload(shelf)
    store.abort(key, upload_id)


@pytest.mark.parametrize("case", RESUMED)
def test_a_large_file_goes_on_where_it_was(shelf: Shelves, tmp_path: Path, case: str) -> None:
    """Killed while its parts are sent; whatever became of them meanwhile, its bytes are right."""
    content = b"".join(os.urandom(MIB) * 16 for _ in range(3))
    tree = write(tmp_path / "big", {"big": content})
    process = start(shelf, tree, ARTIFACTSTORE_FAULT="upload.part:2")
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert shelf.objects("main") == {}
    change, least, most = RESUMED[case]
    change(shelf)
    report = ingest(shelf, tree)
    assert contents(shelf, "main") == {"big": content}
    assert least * 16 * MIB <= report["stores"]["main"]["resumed"] <= most * 16 * MIB
    assert not _states()


def test_an_old_upload_is_begun_again(
    shelf: Shelves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key could not be named any more when it is complete."""
    tree = write(tmp_path / "big", {"big": os.urandom(MIB) * 40})
    start(shelf, tree, ARTIFACTSTORE_FAULT="upload.part:1").communicate(timeout=60)
    store, key, upload_id = _upload(shelf)
    monkeypatch.setattr(unfinished, "LATEST", -unfinished.LATEST)
    assert ingest(shelf, tree)["stores"]["main"]["resumed"] == 0
    assert [upload for upload in store.unfinished() if upload.upload_id == upload_id] == []
    assert not any(uri.endswith(key) for uri in shelf.objects("main"))


def test_no_room_for_what_is_remembered_does_not_matter(
    shelf: Shelves, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    ingest(shelf, tree)
    assert contents(shelf, "main") == FILES
