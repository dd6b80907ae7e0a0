"""kill -9 at every numbered step of the keeper: the same command again ends in the same state."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import artifactstore
from artifactstore.jobs.keeper.check import Unreachable, check
from artifactstore.jobs.keeper.collect import collect
from artifactstore.stores.faults import VARIABLE
from artifactstore.stores.keys import key_in
from artifactstore.stores.local import LocalStore
from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.stores.kept import (
    begin,
    connected,
    ingest,
    keys,
    live,
    live_without_bytes,
    local,
    old_key,
    purge,
    put,
    work,
)
from tests.stores.test_locks_mirrored import LOCK_STEPS

JOBS = Path(artifactstore.__file__).parent / "jobs" / "keeper"
STEPS = (
    "remove.listed", "remove.deleted", "remove.recorded",
    "collect.listed", "collect.deleted", "collect.aborted",
    "check.read", "check.recorded",
    "repair.stored", "repair.recorded",
)  # fmt: skip


def test_every_step_is_tried() -> None:
    source = "".join(path.read_text() for path in JOBS.glob("*.py"))
    named = set(re.findall(r'fault\("([^"]+)"', source))
    assert named == {step.split(":")[0] for step in (*STEPS, *LOCK_STEPS)}


def make(database: str, root: Path) -> Path:
    """Something for each job of the keeper; stores.toml."""
    given, main = local("main", root / "main")
    _, other = local("other", root / "other")
    with connected(database) as store:
        begin(store, main, other)
        shared = put(store, main, b"given up twice")
        for package in [ingest(store, b"given up twice", ("main", shared)) for _ in range(2)]:
            purge(store, package)
        stays, claimed = (put(store, main, content) for content in (b"stays", b"claimed"))
        ingest(store, b"stays", ("main", stays))
        ingest(store, b"claimed", ("main", claimed))
        purge(store, ingest(store, b"claimed", ("main", claimed)))
        for content in (b"missing", b"spoilt"):
            uris = put(store, main, content), put(store, other, content)
            ingest(store, content, ("main", uris[0]), ("other", uris[1]))
            path = root / "main" / str(key_in(uris[0]))
            path.unlink()
            if content == b"spoilt":
                path.write_bytes(b"SPOILT")
        check(work(store, given, main), Unreachable())
        collect(work(store, given, main))
        late = put(store, main, b"to be read")
        ingest(store, b"to be read", ("main", late))
    main.put(old_key(9), b"orphan", _sha256(b"orphan"))
    upload = old_key(9)
    main.write_part(upload, main.begin(upload, 20_000_000), 1, b"part", _sha256(b"part"))
    given_file = root / "stores.toml"
    tables = [
        f'[stores.{name}]\ntype = "local"\nroot = "{root / name}"\nremove_after = "1s"\nmin_free = "0%"\n'
        for name in ("main", "other")
    ]
    given_file.write_text("\n".join(tables))
    time.sleep(1.1)  # remove_after
    return given_file


def keep(database: str, given: Path, fault: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the keeper once, as a program."""
    command = [sys.executable, "-m", "artifactstore", "--json", "--database-url", database]
    command += ["--stores", str(given), "keeper", "run", "--once"]
    environment = os.environ | ({VARIABLE: fault} if fault else {})
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def state(database: str, root: Path) -> dict[str, Any]:
    """What is in the log and in the store, without chance."""
    _, main = local("main", root / "main")
    with connected(database) as store:
        assert live_without_bytes(store, main) == []
        named = {key_in(uri) for uri in live(store, "main")}
        rows = store.connection.execute(
            "SELECT f.blake3, l.backend, l.state, l.retire_outcome, l.failure "
            "FROM artifactstore.storage_locations l JOIN artifactstore.artifact_files f USING (file_id)"
        ).fetchall()
        contents = sorted(b"".join(main.read(key)) for key in keys(main) if key in named)
        return {
            "locations": sorted(map(str, rows)),
            "contents": contents,
            "unfinished": len(list(main.unfinished())),
            "unnamed": _unnamed(main, named),
        }


def _unnamed(main: LocalStore, named: set[str | None]) -> set[bytes]:
    return {b"".join(main.read(key)) for key in keys(main) if key not in named}


def settle(database: str, given: Path) -> None:
    """Run the keeper until it has nothing to do: what is repaired is removed by the next pass."""
    for _ in range(2):
        outcome = keep(database, given)
        assert outcome.returncode == 0, outcome
        time.sleep(1.1)


@pytest.fixture(scope="module")
def undisturbed(
    server_conninfo: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The state in which all ends if nothing is killed."""
    root = tmp_path_factory.mktemp("undisturbed")
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    try:
        settle(conninfo, make(conninfo, root))
        return state(conninfo, root)
    finally:
        drop_database(server_conninfo, conninfo)


@pytest.mark.parametrize("step", STEPS)
def test_the_same_command_again_ends_in_the_same_state(
    step: str, database: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    given = make(database, tmp_path)
    killed = keep(database, given, step)
    assert killed.returncode == -signal.SIGKILL, killed
    settle(database, given)
    found, expected = state(database, tmp_path), dict(undisturbed)
    if step == "remove.deleted":
        # Nobody knows any more who deleted the bytes: they were not there.
        found["locations"] = sorted(one.replace("not_found", "deleted") for one in found["locations"])
        expected["locations"] = sorted(one.replace("not_found", "deleted") for one in expected["locations"])
    if step == "repair.stored":
        # The new object of the pass that was killed: an orphan, collected after 8 days.
        assert found.pop("unnamed") - expected.pop("unnamed") <= {b"missing", b"spoilt"}
    assert found == expected


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
