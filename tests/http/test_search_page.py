"""Everything that the registry has is found by what it is called, and shown as the API shows it."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from artifactstore.http.pages.rendering import package_url
from tests.browser.story import tell
from tests.http.reading import Reading, browser
from tests.http.running import Registry, Running
from tests.http.test_package_page import listed

SHA256 = "12" * 32


@pytest.fixture(scope="module")
def registry(shared_service: Running) -> Registry:
    """A registry with the story, and packages that are found in several ways."""
    tell(shared_service.client())
    registry = Registry(shared_service.client())
    for number, purl in enumerate(
        ("pkg:npm/%40scope/one@1", "pkg:npm/%40scope/two@1", "pkg:maven/org.example/one@1")
    ):
        package = registry.package(purl=purl, labels={"team": "data", "number": f"a={number}"})
        registry.file(package, "lib/main.py", sha256=SHA256, blake3=f"{number}0" * 32)
        registry.post(f"{package}/holds", {"case": "CASE 7/b", "reason": "r"})
    return registry


@pytest.fixture(scope="module")
def reader(shared_service: Running) -> httpx.Client:
    """A browser of a reader."""
    return browser(shared_service)


def asked(api: httpx.Client) -> Iterator[tuple[str, str, list[str]]]:
    """What is looked for, the attribute of the rows that must be found, and its values, from the API."""
    packages = listed(api, "/packages", "packages")
    for package in packages:
        beginning = package["purl"].rpartition("@")[0]
        yield beginning, "data-package", packages_by(api, purl_prefix=beginning)
        yield beginning.removeprefix("pkg:"), "data-package", packages_by(api, purl_prefix=beginning)
        if package["namespace"]:
            namespace = package["namespace"]
            yield namespace, "data-package", packages_by(api, namespace=namespace)
        for name, value in package["labels"].items():
            label = f"{name}={value}"
            if label == label.strip():
                yield label, "data-package", packages_by(api, label=label)
        contents = f"/packages/{package['package_id']}/files"
        for file in listed(api, contents, "files", removed="true"):
            for algorithm in ("blake3", "sha256"):
                if file[algorithm] is not None:
                    found = files_by(api, **{algorithm: file[algorithm]})
                    yield file[algorithm], "data-file", found
                    yield f"{algorithm}:{file[algorithm].upper()}", "data-file", found
            yield file["path"], "data-file", files_by(api, path=file["path"])
    for hold in listed(api, "/holds", "holds"):
        case = hold["case_ref"]
        if case == case.strip():
            same = listed(api, "/holds", "holds", case=case)
            yield case, "data-hold", [one["hold_id"] for one in same]
    for event in listed(api, "/audit", "events", "before"):
        yield str(event["sequence"]), "data-sequence", [str(event["sequence"])]


def packages_by(api: httpx.Client, **query: str) -> list[str]:
    """Ids of packages by the API."""
    return [row["package_id"] for row in listed(api, "/packages", "packages", **query)]


def files_by(api: httpx.Client, **query: str) -> list[str]:
    """Ids of files by the API."""
    return [row["file_id"] for row in listed(api, "/files", "files", **query, removed="true")]


def found(reader: httpx.Client, text: str) -> Reading:
    """The page with what is found by a text."""
    answer = reader.get("/ui/search", params={"q": text})
    assert answer.status_code == 200, answer.text
    return Reading(answer.text)


def test_all_that_there_is_is_found_by_what_it_is_called(registry: Registry, reader: httpx.Client) -> None:
    looked_for = set()
    for text, attribute, expected in asked(registry.client):
        page = found(reader, text)
        rows = [one.attributes[attribute] for one in page.elements if attribute in one.attributes]
        assert expected, text
        assert rows == expected, (text, attribute)
        looked_for.add(attribute)
    assert looked_for == {"data-package", "data-file", "data-hold", "data-sequence"}


def test_actors_lead_to_what_they_did(registry: Registry, reader: httpx.Client) -> None:
    events = listed(registry.client, "/audit", "events", "before", actor="user:operator")
    page = found(reader, "user:operator")
    shown = [int(one.attributes["data-sequence"]) for one in page.all("li", data_sequence="…")]
    assert shown == [event["sequence"] for event in events[: len(shown)]]
    assert any(one.attributes["href"] == "/ui/?actor=user%3Aoperator" for one in page.all("a"))


SPELLINGS: dict[str, Callable[[dict[str, Any]], str]] = {
    "canonical": lambda package: str(package["purl"]),
    "type in capitals": lambda package: str(package["purl"]).replace("pkg:npm", "PKG:NPM"),
    "scope as people write it": lambda package: str(package["purl"]).replace("%40", "@"),
    "id": lambda package: str(package["package_id"]),
    "blanks around": lambda package: f"  {package['purl']} ",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_package_that_is_named_whole_is_shown_at_once(
    registry: Registry, reader: httpx.Client, spelling: str
) -> None:
    (package,) = registry.get("/packages", purl="pkg:npm/%40scope/one@1")["packages"]
    answer = reader.get("/ui/search", params={"q": SPELLINGS[spelling](package)})
    assert answer.status_code == 200
    assert str(answer.url.raw_path, "ascii") == package_url(package["purl"])


@pytest.mark.parametrize(
    "text", ["pkg:", "pkg:%", "pkg:npm/@", "=", "=x", "/", "%", "\\", "sha256:" + "0" * 64, "0" * 64,
             "9" * 17, "0", "-1", "'", "\u202e", "a" * 2048, "pkg:/x@", "pkg:npm/%zz"]
)  # fmt: skip
def test_what_means_nothing_is_told_so(reader: httpx.Client, registry: Registry, text: str) -> None:
    assert registry
    page = found(reader, text)
    if not page.all("section"):
        assert page.one("p", class_="nothing").text.startswith("Nothing is known by")
