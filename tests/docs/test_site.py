"""The documentation as a site shows what a code host shows; its links lead somewhere, and it is whole."""

import re
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from readme_renderer import markdown

from docs.site.__main__ import build
from tests.docs.snippets import DOCS, ROOT

_PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("[!.]*/README.md"), *DOCS.glob("*/*.md")])
_COUNTED = {
    "h1",
    "h2",
    "h3",
    "h4",
    "li",
    "ol",
    "ul",
    "pre",
    "code",
    "table",
    "tr",
    "td",
    "strong",
    "em",
    "img",
}
_LOADS = {"link": "href", "script": "src", "img": "src"}


class _Page(HTMLParser):
    """A page: its anchors, where its links lead, what it loads, and how often each element is in its text."""

    def __init__(self, html: str, within: str = "article") -> None:
        super().__init__()
        self.within = within
        self.open: list[str] = []
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.elements: Counter[str] = Counter()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element."""
        told = {name: value for name, value in attrs if value is not None}
        self.anchors |= {told["id"]} if "id" in told else set()
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        if tag in _LOADS and _LOADS[tag] in told:
            self.loads.append(told[_LOADS[tag]])
        # A block of code is an element "code" too, or not, as a renderer likes.
        if tag in _COUNTED and self.within in self.open and not (tag == "code" and "pre" in self.open):
            self.elements[tag] += 1
        if tag in {self.within, "pre"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if tag in self.open:
            self.open.remove(tag)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    directory = tmp_path_factory.mktemp("build")
    assert build(ROOT, directory) == 0
    return directory / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, _Page]:
    """Every page of the site but the one for what is not found, which only a server shows."""
    found = (path for path in site.rglob("*.html") if path.name != "404.html")
    return {path: _Page(path.read_text(encoding="utf-8")) for path in found}


def _rendered(site: Path, page: Path) -> Path:
    path = site / page.relative_to(ROOT)
    return path.with_name("index.html") if path.name == "README.md" else path.with_suffix(".html")


def test_every_link_leads_to_a_page_and_a_heading(pages: dict[Path, _Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"https?://", link):
                continue
            target, _, anchor = link.partition("#")
            other = (path.parent / target).resolve() if target else path
            if other not in pages or (anchor and anchor not in pages[other].anchors):
                broken.append((path, link))
    assert len(pages) > len(_PAGES)
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, _Page]) -> None:
    missing = {
        (path, load)
        for path, page in pages.items()
        for load in page.loads
        if not load.startswith("data:") and not (path.parent / load).is_file()
    }
    assert missing == set()


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_as_many_of_each_element_as_on_a_code_host(
    site: Path, pages: dict[Path, _Page], page: Path
) -> None:
    told = markdown.render(page.read_text(encoding="utf-8"), variant="GFM")
    hosted = _Page(f"<main>{told}</main>", within="main")
    assert hosted.elements["h1"] == 1
    assert pages[_rendered(site, page)].elements == hosted.elements


def test_every_page_is_in_the_navigation(site: Path, pages: dict[Path, _Page]) -> None:
    home = site / "index.html"
    listed = {(home.parent / link.partition("#")[0]).resolve() for link in pages[home].links}
    assert [page for page in _PAGES if _rendered(site, page) not in listed] == []


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a folder of secrets that git ignores, and a page that links to the folder it is in."""
    root = tmp_path / "checkout"
    (root / "deploy" / "secrets").mkdir(parents=True)
    (root / "deploy" / "secrets" / "superuser").write_text("0123456789")
    (root / "deploy" / "make-secrets").write_text("#!/bin/sh\n")
    (root / ".gitignore").write_text("deploy/secrets/\n")
    (root / "README.md").write_text("# A\n\n[deploy](deploy/)\n")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    return root


def test_what_git_ignores_is_not_shown(checkout: Path, tmp_path: Path) -> None:
    assert build(checkout, tmp_path) == 0
    shown = {path.name for path in (tmp_path / "pages" / "deploy").rglob("*")}
    assert shown == {"README.md", "make-secrets.md"}


@pytest.mark.parametrize("link", ["deploy/secrets/superuser", "missing.md", "deploy/other/", "#nowhere"])
def test_a_broken_link_is_an_error(checkout: Path, tmp_path: Path, link: str) -> None:
    (checkout / "README.md").write_text(f"# A\n\n[there]({link})\n")
    assert build(checkout, tmp_path) == 1
