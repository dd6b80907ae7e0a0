"""canonical_purl: the vectors of the purl specification, when they are there, and a table of our own (F50)."""

import json
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.sql.support import Log
from tests.vectors import SHARED

VECTORS = SHARED / "purl" / "tests"
EXCEPTIONS = {
    # The definition says that names of type git keep their case, and all other vectors agree.
    ("validate", "pkg:git/github/Package-url/purl-Spec@244fd47e07d1004f0aed9c"),
    # The same text is valid by the validate vector, as keys in other letters are for type maven.
    ("parse", "pkg:gem/jruby-launcher@1.1.2?Platform=java"),
    ("parse", "pkg:Rpm/fedora/curl@7.50.3-1.fc25?Arch=i386&Distro=fedora-25"),
}
"""Vectors that contradict the definition of the type or other vectors: at most four."""


def vectors() -> list[Any]:
    """Every vector, with a name."""
    return [
        pytest.param(vector, id=f"{path.stem.removesuffix('-test')}-{number}")
        for path in sorted(VECTORS.glob("*/*.json"))
        for number, vector in enumerate(json.loads(path.read_text(encoding="utf-8"))["tests"])
    ]


def spelling(parts: dict[str, Any]) -> str:
    """A purl of parts, with every byte escaped that may be."""
    path = [quote(one, safe="") for one in (parts.get("namespace") or "").split("/") if one]
    text = "/".join([f"pkg:{parts.get('type') or ''}", *path, quote(parts.get("name") or "", safe="")])
    if parts.get("version"):
        text += f"@{quote(parts['version'], safe='')}"
    if parts.get("qualifiers"):
        text += "?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in parts["qualifiers"].items())
    if parts.get("subpath"):
        text += f"#{quote(parts['subpath'])}"
    return text


def parts_of(log: Log, purl: str) -> dict[str, Any]:
    """What a canonical purl says, as the vectors have it."""
    [row] = log.query("SELECT * FROM artifactstore.parse_purl(%s)", purl)
    rest, _, subpath = purl.partition("#")
    pairs = [one.partition("=") for one in rest.partition("?")[2].split("&") if one]
    return {
        **row,
        "qualifiers": {key: unquote(value) for key, _, value in pairs} or None,
        "subpath": unquote(subpath) or None,
    }


def canonical(log: Log, text: str) -> str | None:
    """The canonical form; None when it is refused as invalid-purl."""
    return log.value("SELECT artifactstore.canonical_purl(%s)", text)


def refused(log: Log, text: str) -> dict[str, Any]:
    """The DETAIL of the refusal of a text."""
    return log.failure("invalid-purl", lambda: canonical(log, text))


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors are not there")
@pytest.mark.parametrize("vector", vectors())
def test_f50_the_vectors_of_the_specification(log: Log, vector: dict[str, Any]) -> None:
    given, expected = vector["input"], vector.get("expected_output")
    text = spelling(given) if vector["test_type"] == "build" else given
    right = True
    if vector["expected_failure"]:
        try:
            refused(log, text)
        except BaseException:
            right = False
    elif vector["test_type"] == "parse":
        found = canonical(log, text)
        right = found is not None and parts_of(log, found) == expected
    else:
        right = canonical(log, text) == expected
    assert right is ((vector["test_type"], given) not in EXCEPTIONS if isinstance(given, str) else True)
