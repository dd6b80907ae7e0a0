"""The page of storage: what the log says of each store, what goes, and what the keeper did."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifactstore import db
from artifactstore.http.pages import storage
from artifactstore.jobs.keeper.run import Keeper
from artifactstore.store import Store
from artifactstore.stores.opening import Stores
from tests.http.reading import Element, Reading, browser, read
from tests.http.running import Registry, issue, running
from tests.http.shelving import Shelf, begin_stores, write_config

_SIZES = (1, 30, 500)


@pytest.fixture
def shelf(service_conninfo: str, tmp_path: Path) -> Iterator[Shelf]:
    """A service with two stores that keep what was given up for a second."""
    config = write_config(tmp_path, "main", "spare", remove_after="1s")
    tokens = issue(service_conninfo)
    begin_stores(service_conninfo, config)
    with running(service_conninfo, tokens, stores=str(config)) as service:
        yield Shelf(service, Registry(service.client()), tmp_path)


def page_of(shelf: Shelf, role: str = "reader") -> Reading:
    """The page."""
    return read(browser(shelf.service, role), "/ui/storage")


def page_when_due(shelf: Shelf) -> Reading:
    """The page, once what was given up before may be removed."""
    time.sleep(1.1)
    return page_of(shelf)


def cells(page: Reading, **row: str) -> list[str]:
    """The texts of the cells of a row."""
    found = page.one("tr", **row)
    return [one.text for one in _within(page, found) if one.tag == "td"]


def _within(page: Reading, row: Element) -> list[Element]:
    """What begins behind a row and before the next one."""
    start = page.elements.index(row) + 1
    end = next((n for n in range(start, len(page.elements)) if page.elements[n].tag == "tr"), None)
    return page.elements[start:end]


def keep(shelf: Shelf) -> None:
    """A pass of the keeper: every job in every store."""
    with (
        db.connect(shelf.service.settings.database_url) as connection,
        Stores.load(shelf.directory / "stores.toml") as stores,
    ):
        done = Keeper(store=Store(connection), stores=stores, names=list(stores)).once()
        assert [one.failure for one in done if one.failure] == []


def test_figures_are_those_of_the_log(shelf: Shelf) -> None:
    package = shelf.registry.package()
    files = [shelf.file(package, f"f{size}", b"x" * size) for size in _SIZES]
    shelf.file(package, "same", b"x" * _SIZES[0])  # shares the object
    shelf.registry.post(f"/locations/{files[1]['location_ids'][0]}/verified", {"method": "full_read"})
    shelf.registry.post(f"/locations/{files[2]['location_ids'][0]}/failed", {"failure": "missing"})
    shelf.registry.location(shelf.registry.file(package, "elsewhere"))
    page = page_of(shelf)
    objects, size, copies, verified, registered, failed, unchecked, checked, inventory = cells(
        page, data_store="main"
    )
    assert (objects, size, copies) == ("3", "531 B", "4")
    assert (verified, registered, failed, unchecked) == ("1", "2", "1", "2")
    assert "ago" in checked or checked == "just now"
    assert inventory == "no inventory yet"
    assert cells(page, data_store="spare")[:3] == ["0", "0 B", "0"]
    assert [one.attributes["data-store"] for one in page.all("tr", data_store="…")] == ["main", "spare"]
    assert cells(page, data_going="main")[2:4] == ["0", "0 B"]


def test_what_goes_is_what_the_next_pass_removes(shelf: Shelf) -> None:
    package = shelf.registry.package()
    files = [shelf.file(package, f"f{size}", b"x" * size) for size in _SIZES]
    for file in files[:2]:
        shelf.registry.post(f"/files/{file['file_id']}/remove", {"reason": "r"})
    held = shelf.registry.package()
    kept = shelf.file(held, "kept", b"y")
    shelf.registry.post(f"/files/{kept['file_id']}/remove", {"reason": "r"})
    shelf.registry.post(f"{held}/holds", {"case": "c", "reason": "r"})
    page = page_when_due(shelf)
    retiring, _, objects, size, _ = cells(page, data_going="main")
    assert (retiring, objects, size) == ("3", "2", "31 B")
    uris = {shelf.registry.get(f"/locations/{one['location_ids'][0]}")["uri"] for one in files[:2]}
    assert {one.attributes["data-due"] for one in page.all("tr", data_due="…")} == uris
    keep(shelf)
    page = page_of(shelf)
    assert cells(page, data_going="main")[2:4] == ["0", "0 B"]
    assert cells(page, data_store="main")[-1].startswith("2 objects, 501 B, ")
    job, _, outcome, did = cells(page, data_run="main remove")
    assert (job, outcome) == ("remove", "done")
    assert "removed 2" in did
    assert "removed bytes 31 B" in did


def test_what_is_found_is_told_in_full_to_operators(shelf: Shelf) -> None:
    shelf.file(shelf.registry.package(), "f", b"x")
    problem = "store-unavailable: bucket at 10.0.0.7"
    with db.connect(shelf.service.settings.database_url) as connection:
        notes = Store(connection).keeper
        notes.end(notes.begin("main", "remove"), {}, problem)
    for role, told in (("reader", False), ("operator", True)):
        page = page_of(shelf, role)
        (one,) = page.all("li", data_severity="error")
        assert (problem in one.text) == told
        assert (problem in page.one("main").text) == told
        assert cells(page, data_run="main remove")[2] != "done"


def test_more_than_is_counted_is_told_as_less_than_all(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    package = shelf.registry.package()
    for number in range(4):
        file = shelf.file(package, f"{number}", b"x" * (10 + number))
        shelf.registry.post(f"/files/{file['file_id']}/remove", {"reason": "r"})
    monkeypatch.setattr(storage, "COUNTED", 3)
    monkeypatch.setattr(storage, "_DUE", 2)
    page = page_when_due(shelf)
    assert cells(page, data_store="main")[0] == "at least 3"
    retiring, _, objects, *_ = cells(page, data_going="main")
    assert (retiring, objects) == ("at least 3", "more than 2")


def test_a_store_that_is_away_and_one_of_another_host_are_told(shelf: Shelf) -> None:
    shelf.file(shelf.registry.package(), "f", b"x")
    (shelf.directory / "main").rename(shelf.directory / "away")
    settings = shelf.service.settings
    named = page_of(shelf).one("tr", data_store="main")
    assert "store-unavailable" in named.text
    with running(settings.database_url, shelf.service.tokens) as other:
        page = read(browser(other), "/ui/storage")
        row = page.one("tr", data_store="main")
        assert "not configured on this host" in row.text
        assert cells(page, data_store="main")[0] == "1"
        assert "stores.toml" in page.one("tr", data_going="main").text


def test_nothing_is_told_as_nothing(service_conninfo: str) -> None:
    with running(service_conninfo) as service:
        said = read(browser(service), "/ui/storage").one("main").text
    assert "No store is configured" in said
    assert "It never ran" in said
