"""F44: no line of a document, a message or a script installs somebody else's package as ours."""

import importlib.metadata
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifactstore import __version__
from tests.docs.snippets import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FILES = ("README.md", "CHANGELOG.md", "pyproject.toml", ".ci/run")
FOLDERS = ("docs", "artifactstore", "scripts", "sql", "migrations", "bench")
TOOLS = {"pip-tools"}
"""What scripts install for themselves."""
WITH_VALUE = {"--requirement", "-r", "--python", "--constraint", "-c"}
INSTALL = re.compile(
    r"\b(?:pip3?|pipx|uv tool|uv|pdm|poetry|uvx)\b[\"']? (?:install|add|run|inject) ([^\n]*)"
)


def requirements(text: str) -> Iterator[str]:
    """What the lines of a text that install something install."""
    for arguments in INSTALL.findall(text.replace("\\\n", " ")):
        # A hint in source or prose goes on behind what it tells to type.
        typed = re.split(r"[`,;&|]|\s#|\s>", arguments)[0]
        try:
            words = iter(shlex.split(typed))
        except ValueError:
            words = iter(typed.strip("\"'").split())
        for word in words:
            if word in WITH_VALUE:
                next(words, None)
            elif not word.startswith("-"):
                yield word


def name_of(requirement: str) -> str:
    """The name of a requirement as indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


def is_ours(requirement: str) -> bool:
    """Whether it is a path, this distribution, or what it depends on."""
    known = [PROJECT["name"], *PROJECT["dependencies"]]
    for extra in PROJECT["optional-dependencies"].values():
        known += extra
    is_path = requirement.startswith((".", "/", "~", "$", "{"))
    return is_path or name_of(requirement) in {name_of(one) for one in known} | TOOLS


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that people read or programs print from."""
    for path in [
        *(ROOT / name for name in FILES),
        *(one for name in FOLDERS for one in (ROOT / name).rglob("*")),
    ]:
        if path.is_file() and path.suffix not in (".pyc", ".png"):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def test_f44_every_line_that_installs_names_this_distribution_a_path_or_a_dependency() -> None:
    found = {(str(path), one) for path, text in texts() for one in requirements(text)}
    assert {path for path, one in found if one.startswith(".[")} >= {"README.md", "docs/tutorial/demo.md"}
    assert [(path, one) for path, one in sorted(found) if not is_ours(one)] == []


@pytest.mark.parametrize(
    "line",
    [
        "pip install 'artifactstore[embedded]'",
        "$ python -m pip install --quiet artifactstore",
        "    pip install \\\n  --upgrade Artifactstore==0.1.0",
        "see `pip install artifactstore`, or not",
        "uv tool install artifactstore",
        "pipx run artifactstore",
    ],
)
def test_f44_a_foreign_name_would_be_found(line: str) -> None:
    assert not all(map(is_ours, requirements(line)))
    assert list(requirements(line))


def test_f44_the_distribution_has_not_the_name_of_the_command() -> None:
    assert PROJECT["name"] != "artifactstore"
    assert list(PROJECT["scripts"]) == ["artifactstore"]
    assert importlib.metadata.version(PROJECT["name"]) == __version__
