"""begin_keeper_run: what is no job of the keeper is refused by name, and not noted."""

import pytest

from tests.sql.support import Log


@pytest.mark.parametrize(
    ("store", "job"), [("main", "sweep"), ("main", None), (None, "remove"), (None, None)]
)
def test_what_is_no_job_is_refused(log: Log, store: str | None, job: str | None) -> None:
    detail = log.failure(
        "bad-payload", lambda: log.query("SELECT artifactstore.begin_keeper_run(%s, %s)", store, job)
    )
    assert "no job" in detail["problem"]
    assert log.query("SELECT 1 FROM artifactstore.keeper_runs") == []
