"""Every command of the runbooks is run, word for word."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artifactstore import server
from artifactstore.migrate import migrate
from tests.cli.program import Program
from tests.databases import TEST_PREFIX, create_database, programs, running_cluster, superuser_conninfo
from tests.docs.snippets import DOCS, run_shell, snippets
from tests.restore.drills import fill, in_force, opened


def follow(page: str, cluster: server.Cluster, directory: Path, **environment: str) -> str:
    """Run all commands of a runbook in one shell; what they wrote."""
    text = "".join(block.text for block in snippets(DOCS / "runbooks" / page) if block.language == "sh")
    path = f"{cluster.programs.bin}{os.pathsep}{os.environ['PATH']}"
    done = run_shell(text, directory, {"PATH": path, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_restore(
    cluster: server.Cluster, database: str, new_database: Callable[[], str], tmp_path: Path
) -> None:
    head = fill(database, tmp_path / "files")
    target, migrated = new_database(), new_database()
    migrate(migrated, role_prefix=TEST_PREFIX)
    urls = {"BACKUP_URL": database, "DATABASE_URL": target, "MIGRATED_URL": migrated}
    assert "2-" in follow("restore.md", cluster, tmp_path, **urls)
    with opened(target) as restored:
        assert restored.head() == head + 1
        in_force(restored)
    with opened(migrated) as restored:
        assert restored.head() == head
        restored.row("adopt", "--yes")
        in_force(restored)


def test_move_to_another_server(cluster: server.Cluster, database: str, tmp_path: Path) -> None:
    head = fill(database, tmp_path / "files")
    with running_cluster(programs()) as other:
        target = create_database(superuser_conninfo(other))
        follow("move-to-another-server.md", cluster, tmp_path, OLD_URL=database, DATABASE_URL=target)
        with opened(target) as moved:
            assert moved.head() == head
            in_force(moved)


def test_disk_full(cluster: server.Cluster, database: str, tmp_path: Path) -> None:
    fill(database, tmp_path / "files")
    with opened(database) as program:
        program.row("snapshot", "create")
        program.admin.execute("SELECT artifactstore.rebuild('artifactstore_verify_1')")
        written = follow("disk-full.md", cluster, tmp_path, DATABASE_URL=database)
        assert "removed: artifactstore_verify_1" in written
        assert program.rows("snapshot", "list") == []
        in_force(program)


@pytest.fixture
def stores(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """The program with two stores, and a package that has a file in main."""
    tables = []
    for name in ("main", "shelf"):
        (tmp_path / name).mkdir()
        tables.append(f'[stores.{name}]\ntype = "local"\nroot = "{tmp_path / name}"\nmin_free = "0%"\n')
    (tmp_path / "stores.toml").write_text("".join(tables))
    monkeypatch.setenv("ARTIFACTSTORE_STORES", str(tmp_path / "stores.toml"))
    for name in ("dist", "backup"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app").write_bytes(b"the application")
    with opened(database) as program:
        for name in ("main", "shelf"):
            program.row("backend", "init", name)
        program.row("ingest", tmp_path / "dist", "--purl", "pkg:generic/app@1", "--store", "main")
        yield program


def test_store_down(stores: Program, cluster: server.Cluster, tmp_path: Path) -> None:
    follow("store-down.md", cluster, tmp_path, DATABASE_URL=stores.conninfo)
    assert {row["state"] for row in stores.rows("location", "list", "pkg:generic/app@1")} == {"verified"}


def test_store_full(stores: Program, cluster: server.Cluster, tmp_path: Path) -> None:
    follow("store-full.md", cluster, tmp_path, DATABASE_URL=stores.conninfo)
    found = {row["backend"]: row["state"] for row in stores.rows("location", "list", "pkg:generic/app@1")}
    assert found == {"main": "retiring", "shelf": "verified"}


def test_bytes_corrupted(stores: Program, cluster: server.Cluster, tmp_path: Path) -> None:
    (damaged,) = (path for path in (tmp_path / "main").rglob("*") if len(path.name) == 32)
    damaged.chmod(0o640)
    damaged.write_bytes(b"not application")
    written = follow("bytes-corrupted.md", cluster, tmp_path, DATABASE_URL=stores.conninfo)
    assert "there is no good copy of some" in written
    states = [row["state"] for row in stores.rows("location", "list", "pkg:generic/app@1")]
    assert sorted(states) == ["registered", "retiring", "verified"]


def test_view_divergence(cluster: server.Cluster, database: str, tmp_path: Path) -> None:
    fill(database, tmp_path / "files")
    with opened(database) as program:
        program.tamper("retention_state", "UPDATE artifactstore.retention_state SET hold_count = 0")
        follow("view-divergence.md", cluster, tmp_path, DATABASE_URL=database)
        found = json.loads((tmp_path / "divergence.json").read_text())["findings"]
        assert [(one["kind"], one["column"]) for one in found] == [("view", "hold_count")]
        in_force(program)
