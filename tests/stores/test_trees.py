"""A tree that goes in comes out: through stores, whatever its files are called and hold."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from unicodedata import is_normalized

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactstore.jobs.uploads import keeping
from artifactstore.stores import base
from tests.cli.conftest import program_on
from tests.effort import EXAMPLES
from tests.shelves import Shelves, shelves

_SMALL = 3_000
"""Bytes up to which a file is small here, so that parts are made of what is quickly written."""
_PART = 1_000
_runs = count(1)

_name = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Cn"], exclude_characters="/"), min_size=1, max_size=12
).filter(lambda name: name not in (".", "..") and is_normalized("NFC", name))
_content = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([0, 1, _SMALL - 1, _SMALL, _SMALL + 1, 2 * _PART, 5 * _PART, 5 * _PART + 1]).map(
        b"x".__mul__
    ),
    st.tuples(st.integers(0, 255), st.integers(0, 12_000)).map(lambda pair: bytes([pair[0]]) * pair[1]),
)
trees = st.dictionaries(
    st.lists(_name, min_size=1, max_size=4).map("/".join), _content, min_size=1, max_size=12
)


@pytest.fixture(scope="module")
def shelf(server_conninfo: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelves]:
    """Two stores, for which little is large, with chunks of three files."""
    with pytest.MonkeyPatch.context() as patch, program_on(server_conninfo, template) as program:
        patch.setattr(keeping, "SMALL", _SMALL)
        patch.setattr(keeping, "CHUNK_FILES", 3)
        patch.setattr("artifactstore.jobs.uploads.large.part_size", lambda _: _PART)
        yield shelves(program, tmp_path_factory.mktemp("stores"), patch)


def _write(root: Path, tree: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a tree that there can be beside each other: no name is both a file and a directory."""
    made = {}
    for name, content in tree.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
        made[name] = content
    return made


def _read(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(tree=trees, more=trees, stores=st.sampled_from(["main", "shelf", "main,shelf"]))
def test_a_tree_comes_out_as_it_went_in(
    shelf: Shelves,
    tmp_path_factory: pytest.TempPathFactory,
    tree: dict[str, bytes],
    more: dict[str, bytes],
    stores: str,
) -> None:
    """In one run or in two; from each store, and by every copy that the log names."""
    assert base.SMALL > _SMALL
    purl = f"pkg:generic/tree@{next(_runs)}"
    root = tmp_path_factory.mktemp("tree")
    files = _write(root / "in", tree)
    ingest = ("ingest", root / "in", "--purl", purl, "--store", stores)
    shelf.program.row(*ingest)
    added = _write(root / "in", {name: content for name, content in more.items() if name not in files})
    report = shelf.program.row(*ingest, "--seal")
    assert report["unchanged"] == len(files)
    files |= added
    for name in stores.split(","):
        shelf.program.rows("fetch", purl, "-o", root / name, "--from", name)
        assert _read(root / name) == files
    objects = {name: shelf.objects(name) for name in ("main", "shelf")}
    copies = [(path, objects[name][uri]) for path, name, uri, _ in shelf.copies(purl)]
    assert sorted(copies) == sorted(list(files.items()) * len(stores.split(",")))
    shutil.rmtree(root)
