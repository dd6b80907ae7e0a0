"""Fixtures of the tests about appending."""

from collections.abc import Callable

import pytest

from artifactstore import server


@pytest.fixture
def cluster_log(cluster: server.Cluster) -> Callable[[], str]:
    """What the server has logged since the test began."""
    start = cluster.log.stat().st_size

    def read() -> str:
        with cluster.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(start)
            return log.read()

    return read
