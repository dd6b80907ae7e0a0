"""Links between pages lead somewhere."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.snippets import DOCS, ROOT

_SOURCES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "sql" / "README.md",
    ROOT / "tests" / "README.md",
)
_MAP = DOCS / "explanation" / "source-map.md"
_PAGES = sorted([*_SOURCES, *DOCS.rglob("*.md")])
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")


def _anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _targets(page: Path) -> list[Path]:
    """Files to which a page links."""
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    return [(page.parent / target).resolve() for target, _ in links if target]


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_pages_and_headings(page: Path) -> None:
    broken = []
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def test_from_the_readme_over_the_source_map_to_append_and_a_projector() -> None:
    """The way in: each of these is one click from the one before."""
    way = (
        ROOT / "README.md",
        _MAP,
        ROOT / "sql" / "4_append" / "door" / "append.sql",
    )
    for page, target in pairwise(way):
        assert target in _targets(page)
    projectors = ROOT / "sql" / "3_project" / "package"
    assert any(target.parent == projectors for target in _targets(way[1]))


@pytest.mark.parametrize("page", [ROOT / "README.md", _MAP], ids=["readme", "map"])
def test_the_files_of_a_picture_are_there(page: Path) -> None:
    """Named from a folder that the picture gives, or by their last parts."""
    (picture,) = re.findall(r"^```\n( a command.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)
    named = re.findall(r"[\w/]+\.(?:sql|py)", picture)
    there = [one.as_posix() for folder in ("artifactstore", "sql") for one in (ROOT / folder).rglob("*.*")]
    assert len(named) >= 7
    assert [name for name in named if not any(one.endswith(f"/{name}") for one in there)] == []


@pytest.mark.parametrize("folder", ["artifactstore", "artifactstore/http"])
def test_every_module_that_is_in_no_folder_is_on_the_map(folder: str) -> None:
    told = _MAP.read_text(encoding="utf-8")
    flat = {path.name for path in (ROOT / folder).glob("*.py") if not path.name.startswith("__")}
    assert {name for name in flat if not re.search(rf"\b{re.escape(name)}", told)} == set()


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        todo += _targets(page)
    assert set(_PAGES) - seen == set()
