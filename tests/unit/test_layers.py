"""Imports go one way, and SQL is sent from where it belongs."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "artifactstore"
LAYERS = (
    {"exits"},
    {"errors", "suggest", "variables", "words"},
    {"codec", "hints", "system"},
    {"events"},
    {"store", "stores"},
    {"leaves", "feed", "connecting", "registry", "shown"},
    {"server"},
    {"embedded", "access", "db"},  # db starts the embedded server, which is connected to through db
    {"lacking", "verdicts", "waits"},
    {"jobs", "migrate"},  # migrate replays after a changed projector, doctor asks what is installed
    {"client", "remote"},  # a registry over HTTP is made of a client, which fetches as the jobs do on one
    {"http"},
    {"cli"},
    {"__main__"},
)
"""Modules and folders of the package: each uses what is in its own line and above it."""

HEIGHT = {name: height for height, names in enumerate(LAYERS) for name in names}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
SENDS_SQL = ("store", "migrate", "feed", "db", "embedded", "connecting", "http/feed/bell")
"""Who sends statements of its own to a database."""


def imports(path: Path) -> Iterator[str]:
    """What a module imports of this package, as dotted names without the package's."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "artifactstore":
            for alias in node.names:
                yield f"{node.module}.{alias.name}".removeprefix("artifactstore.")


def name_of(path: Path) -> str:
    """A module as its path in the package, without suffix."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_uses_no_higher_layer(path: Path) -> None:
    own = HEIGHT[name_of(path).split("/")[0]]
    used = {name.split(".")[0] for name in imports(path)} & HEIGHT.keys()
    assert {name for name in used if HEIGHT[name] > own} == set()


def test_no_class_name_has_two_meanings() -> None:
    homes: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(name_of(path))
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_every_module_and_folder_has_a_layer() -> None:
    assert {name_of(path).split("/")[0] for path in MODULES} == HEIGHT.keys()


@pytest.mark.parametrize("path", sorted((PACKAGE / "http" / "web").glob("*.py")), ids=name_of)
def test_what_every_request_has_knows_no_endpoint(path: Path) -> None:
    used = {name for name in imports(path) if name.startswith("http.")}
    assert {name for name in used if not name.startswith(("http.web.", "http.settings."))} == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_sql_is_sent_from_where_it_belongs(path: Path) -> None:
    if name_of(path).startswith(SENDS_SQL):
        return
    sent = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("execute", "executemany", "stream", "copy")
    ]
    assert sent == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "stores").rglob("*.py")), ids=name_of)
def test_what_keeps_bytes_knows_no_database(path: Path) -> None:
    named = {
        alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    allowed = {"codec", "errors", "events", "stores", "suggest", "system", "variables"}
    assert {name.split(".")[1] for name in named if name.startswith("artifactstore.")} <= allowed
    assert {name for name in named if name.startswith(("psycopg", "yoyo"))} == set()
