"""The page of a package says what the API says, now and as of any event, however much there is."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from artifactstore.events import EVENT_TYPES
from artifactstore.http.pages.rendering import package_url
from artifactstore.http.pages.texts import visible
from artifactstore.verdicts import COMMANDS
from tests.browser.story import HOSTILE, MARKUP, PURL, tell
from tests.http.reading import Reading, browser, read
from tests.http.running import Registry, Running

FILES = 230


@pytest.fixture(scope="module")
def names(shared_service: Running) -> dict[str, str]:
    """Names of the story that the shared service tells."""
    return tell(shared_service.client())


@pytest.fixture(scope="module")
def reader(shared_service: Running, names: dict[str, str]) -> httpx.Client:
    """A browser of a reader."""
    assert names
    return browser(shared_service)


@pytest.fixture(scope="module")
def api(shared_service: Running) -> httpx.Client:
    """A program of a reader."""
    return shared_service.client("reader")


def listed(api: httpx.Client, path: str, items: str, cursor: str = "after", /, **query: Any) -> list[Any]:
    """All rows of a list."""
    found: list[Any] = []
    asked: dict[str, Any] = query
    while True:
        answer = api.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        found += answer.json()[items]
        if answer.json()["next"] is None:
            return found
        asked = {**query, cursor: answer.json()["next"]}


def pages(client: httpx.Client, path: str, label: str) -> Iterator[Reading]:
    """The page, and those that its links of this name lead to."""
    while True:
        page = read(client, path)
        yield page
        links = [one.attributes["href"] for one in page.all("a", rel="next") if one.text == label]
        if not links:
            return
        path = links[0].partition("#")[0]


def test_all_that_a_page_shows_is_what_the_api_says(reader: httpx.Client, api: httpx.Client) -> None:
    packages = listed(api, "/packages", "packages")
    assert {"open", "purged"} <= {package["state"] for package in packages}
    for package in packages:
        of_package = f"/packages/{package['package_id']}"
        page = read(reader, package_url(package["purl"]))
        assert page.one("h1").text == package["purl"]
        assert page.one("span", class_=f"state state-{package['state']}").text == package["state"]
        assert page.one("code", data_full=package["package_id"])
        said = [one.text for one in page.all("li")]
        for name, value in package["labels"].items():
            assert Reading(f"<p>{visible(name)}={visible(value)}</p>").one("p").text in said
        contents = listed(api, f"{of_package}/contents", "files")
        shown = page.all("tr", data_file="…")
        assert [one.attributes["data-file"] for one in shown] == [file["file_id"] for file in contents]
        for row, file in zip(shown, contents, strict=True):
            assert row.text.startswith(f"{file['path']} {file['state']} ")
            for copy in file["locations"]:
                assert f"{copy['state']} {copy['backend']} {copy['uri']}" in row.text
        holds = listed(api, f"{of_package}/holds", "holds")
        assert len(page.all("ul", class_="holds")) == bool(holds)
        in_force = [one for one in page.all("strong") if one.text == "in force"]
        assert len(in_force) == sum(hold["released_at"] is None for hold in holds)
        retention = api.get(f"{of_package}/retention").json()
        if retention["mode"] != "none":
            assert page.all("time", datetime=retention["retain_until"])


def test_its_story_is_that_of_the_audit(reader: httpx.Client, api: httpx.Client) -> None:
    for package in listed(api, "/packages", "packages"):
        events = listed(api, "/audit", "events", "before", package=package["package_id"])
        told = [
            int(one.attributes["data-sequence"])
            for page in pages(reader, package_url(package["purl"]), "Older events →")
            for one in page.all("li", data_sequence="…")
        ]
        assert told == [event["sequence"] for event in events]


def test_as_of_each_of_its_events_it_is_what_the_api_says(reader: httpx.Client, api: httpx.Client) -> None:
    for package in listed(api, "/packages", "packages"):
        events = listed(api, "/audit", "events", "before", package=package["package_id"])[::-1]
        for number, event in enumerate(events, 1):
            at = event["sequence"]
            page = read(reader, f"{package_url(package['purl'])}?event={number}")
            then = api.get(f"/packages/{package['package_id']}", params={"at_sequence": at}).json()
            told = then["state"] + (", yanked" if then["yanked"] else "")
            assert page.one("span", class_=f"state state-{then['state']}").text == told
            assert page.one("p", class_="then").text.startswith(f"As it was after event {at}, ")
            slider = page.one("input", type="range")
            assert (slider.attributes["value"], slider.attributes["max"]) == (str(number), str(len(events)))
            assert page.one("input", name="at").attributes["value"] == str(at)
            newest = page.all("li", data_sequence="…")[0]
            assert newest.attributes["data-sequence"] == str(at)


def test_every_command_has_a_name_and_is_judged(reader: httpx.Client, names: dict[str, str]) -> None:
    page = read(reader, f"/ui/packages/{names['package_id']}")
    assert [one.attributes["data-command"] for one in page.all("tr", data_command="…")] == list(COMMANDS)
    on_packages = {
        name
        for name, event in EVENT_TYPES.items()
        if event.event_type.split(".")[1] in ("package", "file", "retention")
    }
    assert set(COMMANDS) == on_packages - {"v1.package.created"}
    codes = {
        one.attributes["data-command"]: one.attributes["data-code"]
        for one in page.all("tr", data_command="…")
    }
    assert codes["v1.package.deleted"] == "legal-hold"
    assert codes["v1.file.ingested"] == ""
    why = page.one("tr", data_command="v1.package.deleted").text
    assert f"case {MARKUP}"[:200] in why
    assert "user:operator since" in why


@pytest.mark.parametrize(
    "spelling", ["pkg:GENERIC/hostile@1", "pkg:generic/host%2569le@1", "pkg://generic/hostile@1/"]
)
def test_any_spelling_leads_to_the_canonical_one(
    reader: httpx.Client, names: dict[str, str], spelling: str
) -> None:
    for asked in (spelling, names["package_id"]):
        answer = reader.get(f"/ui/packages/{asked}?before=30")
        assert answer.status_code == 200
        assert str(answer.url.raw_path, "ascii") == f"{package_url(PURL)}?before=30"


def test_names_that_would_act_are_text(
    reader: httpx.Client, api: httpx.Client, names: dict[str, str]
) -> None:
    whole = reader.get(package_url(PURL)).text
    assert api.get(f"/packages/{names['package_id']}").json()["labels"]["words"] == HOSTILE[-1]
    assert "<script>alert" not in whole
    assert "<img src=x" not in whole
    assert "\x07" not in whole
    assert "\u202e" not in whole


def test_files_come_in_pages_in_order_none_twice(registry: Registry, service: Running) -> None:
    package = registry.package()
    bodies = [
        {"path": f"ü/{number * 7919 % FILES:04} ?#&.txt", "size": number, "blake3": "ab" * 32}
        for number in range(FILES)
    ]
    registry.post(f"{package}/files", {"files": bodies})
    purl = registry.client.get(package).json()["purl"]
    reader = browser(service)
    for query in ("", f"?at={registry.client.get('/log').json()['head']}"):
        shown = [
            one.attributes["data-file"]
            for page in pages(reader, package_url(purl) + query, "More files →")
            for one in page.all("tr", data_file="…")
        ]
        expected = listed(registry.client, f"{package}/contents", "files")
        assert len(shown) == FILES
        assert shown == [file["file_id"] for file in expected]


def test_where_nothing_can_be_tried_the_rest_is_shown(
    registry: Registry, service: Running, admin: psycopg.Connection[Any]
) -> None:
    purl = registry.client.get(registry.package()).json()["purl"]
    with admin.transaction():
        for (schema,) in admin.execute("SELECT unnest(artifactstore.scratch_names())").fetchall():
            admin.execute(f"LOCK TABLE {schema}.log_epochs IN EXCLUSIVE MODE".encode())
        page = read(browser(service), package_url(purl))
    assert page.one("h1").text == purl
    assert page.all("tr", data_command="…") == []
    assert any("all scratch view sets are in use" in one.text for one in page.all("p", class_="bad"))
