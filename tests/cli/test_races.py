"""F46: who loses a race is told to run again, which cures it, and not to undo what the winner did."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from artifactstore import codec
from artifactstore.events import FileIngested, Location, NewEvent, new_id
from artifactstore.store import Store
from tests.cli.program import PURL, Program
from tests.timing import until

_WAITING = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'artifactstore.append_lock'::regclass"
)


def _tree(directory: Path) -> Path:
    for name in ("a", "b", "c"):
        (directory / name).write_bytes(name.encode())
    return directory


def _file(store: Store, path: str, content: bytes) -> NewEvent:
    import hashlib

    package = store.packages.package(PURL)
    event = FileIngested(
        package_id=package["package_id"],
        path=path,
        size=len(content),
        blake3=codec.digest(content),
        sha256=hashlib.sha256(content).digest(),
        locations=(Location(location_id=new_id(), backend="s3", uri=f"s3://b/{path}"),),
    )
    return NewEvent(event, new_id(), "user:winner")


def _same_file(store: Store) -> None:
    store.writes.append([_file(store, "b", b"b")])


def _other_content(store: Store) -> None:
    store.writes.append([_file(store, "b", b"other")])


def _all_and_sealed(store: Store) -> None:
    store.writes.append([_file(store, name, name.encode()) for name in ("a", "b", "c")])
    store.writes.seal(store.packages.package(PURL)["package_id"], "user:winner")


def _sealed_with_less(store: Store) -> None:
    store.writes.append([_file(store, "a", b"a")])
    store.writes.seal(store.packages.package(PURL)["package_id"], "user:winner")


RACES: dict[str, tuple[Callable[[Store], None], str, int]] = {
    # what the winner does, what the loser is told, how its next run ends
    "the same file": (_same_file, "path-taken", 0),
    "other content": (_other_content, "path-taken", 3),
    "all of it, sealed": (_all_and_sealed, "not-open", 0),
    "less, sealed": (_sealed_with_less, "not-open", 3),
}


def _finish(process: "subprocess.Popen[str]") -> tuple[int, dict[str, Any]]:
    _, stderr = process.communicate(timeout=60)
    errors = [line for line in stderr.splitlines() if line.startswith("{")]
    return process.returncode, json.loads(errors[-1])["error"] if errors else {}


@pytest.mark.parametrize("name", RACES)
def test_f46_an_ingest_that_was_overtaken_is_told_to_run_again(
    program: Program, package: str, tmp_path: Path, name: str
) -> None:
    win, code, next_code = RACES[name]
    tree = _tree(tmp_path)
    assert package
    with psycopg.connect(program.conninfo) as connection:
        # The winner has the log, and has not committed when the loser looks at the package.
        connection.execute("SELECT artifactstore.lock_log()")
        loser = program.start("ingest", str(tree), "--purl", PURL, "--seal")
        until(lambda: program.admin.execute(_WAITING).fetchone() == (1,), "the loser waits")
        win(Store(connection))
        connection.commit()
    status, error = _finish(loser)
    assert (status, error["code"]) == (3, code), error
    assert "run it again" in error["hint"]
    assert "remove" not in error["hint"]
    assert "create" not in error["hint"]
    again = program.run("--json", "ingest", tree, "--purl", PURL, "--seal")
    assert again.code == next_code, again
    if next_code:
        assert "run it again" not in again.error["hint"]


def test_f46_many_ingests_of_one_tree_at_once_end_well_or_say_run_again(
    program: Program, tmp_path: Path
) -> None:
    tree = _tree(tmp_path)
    racing = [program.start("ingest", str(tree), "--purl", PURL, "--seal") for _ in range(4)]
    for one in racing:
        status, error = _finish(one)
        assert status in (0, 3)
        if status:
            assert "run it again" in error["hint"]
    assert program.row("ingest", tree, "--purl", PURL, "--seal")["events"] == 0
    assert program.row("package", "show", PURL)["state"] == "sealed"
