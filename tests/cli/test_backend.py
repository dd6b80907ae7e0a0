"""backend: stores are listed, made, tried, claimed and exported; location show --url finds bytes."""

import json
from pathlib import Path
from typing import Any

import pytest

from artifactstore.events import new_id
from artifactstore.stores.base import ObjectStore
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.opening import open_store
from tests.cli.program import PURL, Program
from tests.stores.kinds import new_key, put

CONTENT = b"bytes of a file"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the store shelf, which is not made yet."""
    root = tmp_path / "shelf"
    write_stores(tmp_path, monkeypatch, f'[stores.shelf]\ntype = "local"\nroot = "{root}"\nmin_free = "0%"\n')
    return root


def write_stores(directory: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let this be the stores.toml that counts."""
    (directory / "stores.toml").write_text(text)
    monkeypatch.setenv("ARTIFACTSTORE_STORES", str(directory / "stores.toml"))


def opened(root: Path) -> ObjectStore:
    """The store as the program opens it."""
    return open_store(StoreConfig(name="shelf", type="local", root=root, min_free=0.0))


def file_in_store(program: Program, directory: Path, store: ObjectStore) -> tuple[str, str]:
    """Ingest a file that has a copy in the store; key and location id."""
    (directory / "file").write_bytes(CONTENT)
    program.row("ingest", directory / "file", "--purl", PURL)
    return registered(program, store, put(store, CONTENT))


def registered(program: Program, store: ObjectStore, key: str, path: str = "file") -> tuple[str, str]:
    """Register an object as a copy of a file."""
    made = program.row("location", "add", PURL, path, "--backend", store.name, "--uri", f"store:{key}")
    return key, made["subject_id"]


def marker(root: Path) -> dict[str, Any]:
    """What artifactstore.json says."""
    told: dict[str, Any] = json.loads((root / "artifactstore.json").read_text())
    return told


def test_a_place_is_made_a_store_of_a_log_that_begins_with_it(program: Program, root: Path) -> None:
    made = program.row("backend", "init", "shelf")
    assert (made["store"], made["place"], made["made"]) == ("shelf", str(root), True)
    assert program.head() == 1
    assert marker(root)["log_id"] == made["log_id"] == program.row("status")["log_id"]
    again = program.row("backend", "init", "shelf")
    assert again == made | {"made": False}
    assert program.head() == 1


def test_what_is_configured_is_listed_whole_and_for_people(program: Program, root: Path) -> None:
    (row,) = program.rows("backend", "list")
    assert (row["name"], row["type"], row["root"], row["remove_after"]) == ("shelf", "local", str(root), "7d")
    assert set(row) >= set(StoreConfig.__dataclass_fields__)
    lines = program.run("backend", "list").stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["name", "type", "place"]
    assert lines[1].split("\t")[:3] == ["shelf", "local", str(root)]
    assert not root.exists()


def test_what_the_keeper_noted_is_listed_with_it(program: Program, root: Path, tmp_path: Path) -> None:
    program.row("backend", "init", "shelf")
    (before,) = program.rows("backend", "list")
    assert (before["objects"], before["check_lag_seconds"], before["runs"]) == (None, None, [])
    file_in_store(program, tmp_path, opened(root))
    assert program.run("keeper", "run", "--once").code == 0
    (row,) = program.rows("backend", "list")
    assert (row["objects"], row["bytes"], row["orphans"], row["check_lag_seconds"]) == (1, len(CONTENT), 0, 0)
    assert row["copies"] == {"registered": 0, "verified": 1, "failed": 0, "retiring": 0}
    assert [run["job"] for run in row["runs"]] == ["check", "collect", "remove", "repair"]
    assert all(run["done_at"] and run["problem"] is None for run in row["runs"])


def test_without_a_configuration_that_is_said(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stores(tmp_path, monkeypatch, "")
    for command in ("list", "test"):
        outcome = program.run("backend", command)
        assert outcome.code == 0
        assert "no store: backend --help shows one" in outcome.stderr
    told = program.refused("backend", "init", "main", code=4, error="store-unknown")
    assert "main" in told["message"]
    bad = tmp_path / "bad.toml"
    bad.write_text('[stores.main]\ntype = "local"\nroot = "/r"\npassword = "hunter2"\n')
    told = program.refused("--stores", bad, "backend", "list", code=2, error="usage")
    assert (told["detail"]["table"], told["detail"]["key"]) == ("stores.main", "password")
    assert "hunter2" not in json.dumps(told)


def test_a_store_is_tried_out(program: Program, root: Path) -> None:
    program.row("backend", "init", "shelf")
    rows = program.rows("backend", "test")
    assert {row["outcome"] for row in rows} == {"yes", "no"}
    assert {row["store"] for row in rows} == {"shelf"}
    assert len(rows) >= 10
    assert list(opened(root).list()) == []
    (root / "artifactstore.json").unlink()
    outcome = program.run("--json", "backend", "test", "shelf")
    assert outcome.code == 1
    assert [(row["trial"], row["outcome"]) for row in outcome.objects] == [("marker", "failed")]
    assert list((root / "tmp").iterdir()) == [root / "tmp" / "marker.lock"]


@pytest.mark.usefixtures("root")
def test_another_registry_gets_no_place_that_is_in_use(program: Program, history: Program) -> None:
    program.row("backend", "init", "shelf")
    told = history.refused("backend", "init", "shelf", code=3, error="store-mismatch")
    assert program.row("status")["log_id"] in told["message"]
    history.refused("backend", "claim", "shelf", "--yes", code=3, error="store-mismatch")


def test_a_claim_tells_what_each_has_alone_and_asks(program: Program, root: Path, tmp_path: Path) -> None:
    program.row("backend", "init", "shelf")
    store = opened(root)
    key, _ = file_in_store(program, tmp_path, store)
    lost, _ = registered(program, store, put(store, CONTENT))
    store.delete([lost])
    orphan = put(store, b"nobody's")
    (root / "notes.txt").write_text("a stranger's")
    before = (root / "artifactstore.json").read_bytes()
    outcome = program.run("--json", "backend", "claim", "shelf")
    assert (outcome.code, outcome.error["code"]) == (2, "confirmation")
    assert (root / "artifactstore.json").read_bytes() == before
    *differences, result = program.rows("backend", "claim", "shelf", "--yes")
    assert {(row["problem"], row["key"], row["purl"]) for row in differences} == {
        ("missing", lost, PURL),
        ("orphan", orphan, None),
    }
    assert (result["missing"], result["orphan"], result["acted_through"]) == (1, 1, program.head())
    assert marker(root)["acted_through"] == program.head()
    assert store.head(key) is not None
    assert store.head(orphan) is not None  # a claim removes nothing


def test_a_restored_log_claims_what_it_acted_on(program: Program, root: Path, tmp_path: Path) -> None:
    program.row("backend", "init", "shelf")
    file_in_store(program, tmp_path, opened(root))
    acted = marker(root) | {"acted_through": program.head() + 5}
    (root / "artifactstore.json").write_text(json.dumps(acted))
    program.row("restored", "--yes", "--reason", "backup")
    (result,) = program.rows("backend", "claim", "shelf", "--yes")
    assert (result["acted_through_before"], result["acted_through"]) == (
        acted["acted_through"],
        program.head(),
    )
    assert marker(root)["epoch_id"] != acted["epoch_id"]


def test_every_object_that_the_log_has_is_exported(program: Program, root: Path, tmp_path: Path) -> None:
    program.row("backend", "init", "shelf")
    store = opened(root)
    key, _ = file_in_store(program, tmp_path, store)
    other, retired = registered(program, store, new_key())
    program.row("location", "retire", retired, "--outcome", "not_found", "--reason", "r")
    put(store, b"an orphan")
    (row,) = program.rows("backend", "export", "shelf")
    file = program.rows("package", "files", PURL)[0]
    assert row == {
        "key": key, "size": len(CONTENT), "blake3": file["blake3"], "sha256": file["sha256"], "purl": PURL,
        "path": "file", "state": "registered",
    }  # fmt: skip
    assert other != key
    assert program.run("backend", "export", "shelf").stdout.splitlines()[1].split("\t")[0] == key


def test_where_bytes_are(program: Program, root: Path, tmp_path: Path) -> None:
    program.row("backend", "init", "shelf")
    key, location = file_in_store(program, tmp_path, opened(root))
    url = program.row("location", "show", location, "--url")["url"]
    assert Path(url) == root / key
    assert Path(url).read_bytes() == CONTENT
    shown = program.row("location", "show", location)
    assert (shown["backend"], shown["uri"], shown["path"]) == ("shelf", f"store:{key}", "file")
    local = next(row for row in program.rows("location", "list", PURL) if row["backend"] == "file")
    assert program.row("location", "show", local["location_id"], "--url")["url"] == local["uri"]
    program.refused("location", "show", str(new_id()), "--url", code=4, error="not-found")
    elsewhere = program.row("location", "add", PURL, "file", "--backend", "gone", "--uri", f"store:{key}")
    told = program.refused(
        "location", "show", elsewhere["subject_id"], "--url", code=4, error="store-unknown"
    )
    assert told["detail"]["stores"] == ["shelf"]


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("command", ["init", "claim", "export"])
def test_a_store_that_is_not_there_is_told(program: Program, command: str) -> None:
    program.row("package", "create", PURL)
    yes = ["--yes"] if command == "claim" else []
    program.refused("backend", command, "nosuch", *yes, code=4, error="store-unknown")
    if command == "claim":
        told = program.refused("backend", command, "shelf", *yes, code=5, error="store-unavailable")
        assert "backend init shelf" in told["hint"]


def test_a_root_whose_parent_is_not_there_is_not_made(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.row("package", "create", PURL)
    write_stores(tmp_path, monkeypatch, f'[stores.shelf]\ntype = "local"\nroot = "{tmp_path}/no/shelf"\n')
    program.refused("backend", "init", "shelf", code=5, error="store-unavailable")
    assert not (tmp_path / "no").exists()
