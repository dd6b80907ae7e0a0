"""The navigation of the site, from the folders of the pages; what a page is called it says itself."""

import json
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

_SECTIONS = {
    "Tutorials": "tutorial",
    "How-to": "how-to",
    "Runbooks": "runbooks",
    "Explanation": "explanation",
    "Reference": "reference",
    "Decisions": "adr",
}
"""Title → folder of docs/."""
_PROJECT = ("CONTRIBUTING.md", "sql/README.md", "tests/README.md", "dashboards/README.md", "CHANGELOG.md")


def navigation(pages: Collection[str]) -> str:
    """Lines of TOML: the documentation by folder, then the pages about the project itself."""
    lines = [f"    {json.dumps(path)}," for path in ("README.md", *_inside(pages, "docs"))]
    lines += [_section(title, _inside(pages, f"docs/{folder}")) for title, folder in _SECTIONS.items()]
    lines.append(_section("Project", _PROJECT))
    return "\n".join(["nav = [", *lines, "]", ""])


def _inside(pages: Collection[str], folder: str) -> list[str]:
    """Pages that are in a folder itself, its README first."""
    inside = [path for path in pages if str(PurePosixPath(path).parent) == folder and path.endswith(".md")]
    return sorted(inside, key=lambda path: (not path.endswith("/README.md"), path))


def _section(title: str, pages: Sequence[str]) -> str:
    return f"    {{ {json.dumps(title)} = {json.dumps(pages)} }},"
