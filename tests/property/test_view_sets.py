"""A projector writes to the view set that search_path names, and to no other (decision 0007)."""

import psycopg
import pytest
from psycopg import sql

from tests.property.histories import allowed_history, make_random
from tests.property.runs import Laboratory, write_log
from tests.sql.support import KEYS


def test_these_are_all_views(laboratory: Laboratory) -> None:
    found = laboratory.connection.execute("SELECT artifactstore.view_names()").fetchone()
    laboratory.forget()
    assert found == (list(KEYS),)


@pytest.mark.parametrize("view", KEYS)
@pytest.mark.parametrize("events", [1, 300])
def test_without_a_view_projection_fails_and_the_live_one_is_not_touched(
    laboratory: Laboratory, view: str, events: int
) -> None:
    connection = laboratory.connection
    with connection.transaction(force_rollback=True):
        write_log(connection, allowed_history(make_random(2), 300))
        # The live views lag behind: were they written now, no unique index would be in the way.
        connection.execute("SET LOCAL search_path = artifactstore, pg_temp")
        connection.execute("SELECT artifactstore.project(1, 100)")
        live = laboratory.rows("artifactstore")
        connection.execute("SELECT artifactstore.create_view_set('lacking')")
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("lacking", view)))
        connection.execute("SET LOCAL search_path = lacking, pg_temp")
        with pytest.raises(psycopg.errors.UndefinedTable, match=view), connection.transaction():
            connection.execute(
                "SELECT artifactstore.project(n, n + %s - 1) FROM generate_series(1, 300, %s) AS n",
                (events, events),
            )
        assert laboratory.rows("artifactstore") == live
