"""A store of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from artifactstore.stores.base import ObjectStore
from tests.stores.kinds import KINDS, Tried, initialised


@pytest.fixture(params=KINDS)
def tried(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tried]:
    """A store with what a test may do behind its back."""
    with initialised(KINDS[request.param], tmp_path) as made:
        yield made


@pytest.fixture
def store(tried: Tried) -> ObjectStore:
    """The store alone."""
    return tried.store


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Tried]:
    """A local store."""
    with initialised(KINDS["local"], tmp_path) as made:
        yield made
