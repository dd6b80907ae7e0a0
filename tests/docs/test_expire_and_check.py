"""The commands of the pages on registering, expiring, checking and verifying."""

from datetime import timedelta
from pathlib import Path

import pytest

from artifactstore import server
from tests.cli.program import Program
from tests.docs.snippets import DOCS, assert_shown, psql_script, run_psql, run_session, snippets
from tests.retention.conftest import LASTING, Registry, program, registry

__all__ = ["program", "registry"]


def _run(page: str, directory: Path, conninfo: str) -> None:
    """Run the commands of a page; what it shows is what they write."""
    blocks = [one for one in snippets(DOCS / "how-to" / page) if one.language in ("sh", "text")]
    told = run_session(blocks, directory, {"DATABASE_URL": conninfo})
    texts = [block.text for block in blocks if block.language == "text"]
    for text, output in zip(texts, told, strict=True):
        assert_shown(text, output)


def test_expire_packages(registry: Registry, cluster: server.Cluster, tmp_path: Path) -> None:
    registry.make("nightly", state="sealed")
    registry.make("evidence", held=True)
    registry.make("release", until=LASTING, mode="compliance")
    registry.make("library", until=None)
    registry.lapse()
    _run("expire-packages.md", tmp_path, registry.program.conninfo)
    assert registry.states() == {
        "nightly": "sealed",
        "evidence": "open",
        "release": "open",
        "library": "open",
    }
    blocks = [one for one in snippets(DOCS / "how-to" / "expire-packages.md") if one.language == "sql"]
    told = run_psql(cluster.programs, registry.program.conninfo, psql_script(blocks))
    assert "legal-hold" in told
    until = registry.store.packages.retention(registry.packages["nightly"])["retain_until"]
    assert until > registry.store.log.clock() + timedelta(days=300)


def test_check_copies(program: Program, tmp_path: Path) -> None:
    for name in ("dist", "backup"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app").write_bytes(b"the application")
    program.row("ingest", tmp_path / "dist", "--purl", "pkg:generic/app@1.0")
    _run("check-copies.md", tmp_path, program.conninfo)
    (location,) = program.rows("location", "list", "pkg:generic/app@1.0")
    assert (location["state"], location["checks"], location["failures"]) == ("verified", 4, 1)


def test_stores(program: Program, tmp_path: Path) -> None:
    _run("stores.md", tmp_path, program.conninfo)
    assert (tmp_path / "srv" / "artifacts" / "artifactstore.json").exists()


def test_remove_bytes(program: Program, tmp_path: Path) -> None:
    """F01: the bytes are there as long as somebody names them, and no longer."""
    _run("remove-bytes.md", tmp_path, program.conninfo)
    assert not (tmp_path / "dist" / "app").exists()
    outcomes = program.rows("events", "--type", "v1.storage.retired")
    assert [event["payload"]["outcome"] for event in outcomes] == ["detached", "deleted"]


@pytest.mark.parametrize("page", ["register-a-build.md", "verify-in-ci.md"])
def test_pages_on_builds(registry: Registry, tmp_path: Path, page: str) -> None:
    registry.make("there")
    _run(page, tmp_path, registry.program.conninfo)
