"""What operators see of stores over HTTP: what the keeper noted, in GET /stores and in the metrics."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from artifactstore import db
from artifactstore.http.content import notes
from artifactstore.jobs.keeper.run import EVERY, Keeper
from artifactstore.store import Store
from artifactstore.stores.opening import Stores
from artifactstore.words import KEPT_LOCATION_STATES
from tests.http.shelving import Shelf, shelved
from tests.stores.kept import old_key

_ORPHANS = 11
"""More than go without being asked."""
_DAY = 86_400


@pytest.fixture(scope="module")
def shelf(module_conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A service with two stores, of which main has two files, a bad copy, orphans and a foreign thing."""
    with shelved(module_conninfo, tmp_path_factory.mktemp("stores")) as made:
        package = made.registry.package()
        for name in ("a", "b"):
            file = made.file(package, name, name.encode() * 10)
        copy = made.copy(file)
        copy.chmod(0o640)
        copy.write_bytes(b"not so")
        for key in (old_key(9) for _ in range(_ORPHANS)):
            path = made.directory / "main" / key
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"never named")
        (made.directory / "main" / "notes.txt").write_text("of somebody else")
        yield made


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes are read for every scrape."""
    monkeypatch.setattr(notes, "_FRESH_SECONDS", 0.0)


def _keep(conninfo: str, shelf: Shelf) -> None:
    config = shelf.directory / "stores.toml"
    with db.connect(conninfo) as connection, Stores.load(config) as stores:
        keeper = Keeper(store=Store(connection), stores=stores, names=("main",))
        done = [one.job for one in keeper.once()]
        assert done == [job for job in EVERY if job not in ("lock", "replicate")], (
            "of a store that mirrors nothing"
        )


def _told(shelf: Shelf) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in shelf.registry.get("/stores")["stores"]}


def _samples(shelf: Shelf) -> dict[tuple[str, ...], float]:
    """Name and labels of each sample about a store → value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(shelf.client.get("/metrics").text)
        for sample in family.samples
        if "store" in sample.labels
    }


def test_what_no_pass_found_out_is_not_told(shelf: Shelf) -> None:
    main = _told(shelf)["main"]
    assert (main["objects"], main["check_lag_seconds"], main["runs"]) == (None, None, [])
    assert main["copies"] == dict.fromkeys(KEPT_LOCATION_STATES)
    assert (main["remove_after"], main["read_every"], main["problem"]) == ("7d", "180d", None)
    assert _samples(shelf) == {}


def test_stores_and_metrics_tell_what_the_last_passes_found(
    shelf: Shelf, module_conninfo: str, module_admin: psycopg.Connection[Any]
) -> None:
    _keep(module_conninfo, shelf)
    stores = _told(shelf)
    main = stores["main"]
    size = 10 + len(b"not so") + _ORPHANS * len(b"never named")
    assert (main["objects"], main["bytes"], main["orphans"]) == (2 + _ORPHANS, size, _ORPHANS)
    assert (main["foreign"], main["inventory_age_seconds"], main["check_lag_seconds"]) == (1, 0, 0)
    assert main["copies"] == {"registered": 0, "verified": 1, "failed": 1, "retiring": 0}
    assert [(run["job"], run["problem"]) for run in main["runs"]] == [
        (job, None) for job in ("check", "collect", "remove", "repair")
    ]
    assert stores["spare"]["runs"] == []

    # Nobody looked after it for 200 days.
    module_admin.execute("UPDATE artifactstore.keeper_runs SET ended_at = ended_at - interval '200 days'")
    samples = _samples(shelf)
    ages = {name: samples.pop((f"artifactstore_store_{name}", "main"))
            for name in ("inventory_age_seconds", "check_lag_seconds")}  # fmt: skip
    assert 200 * _DAY <= ages["inventory_age_seconds"] < 201 * _DAY
    assert 20 * _DAY - 60 <= ages["check_lag_seconds"] < 21 * _DAY
    figures: dict[tuple[str, ...], float] = {
        ("artifactstore_store_objects", "main"): 2 + _ORPHANS,
        ("artifactstore_store_bytes", "main"): size,
        ("artifactstore_store_orphans", "main"): _ORPHANS,
    }
    figures |= {("artifactstore_copies", state, "main"): count for state, count in main["copies"].items()}
    assert samples == figures
