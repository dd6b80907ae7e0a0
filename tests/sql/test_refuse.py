"""refuse: what is raised, and what Python makes of it."""

from typing import Any

import psycopg
import pytest

from artifactstore.errors import ERRORS, error, translate


@pytest.mark.parametrize("code", [spec.name for spec in ERRORS.values() if spec.sqlstate is not None])
def test_a_refusal_reaches_python_whole(module_connection: psycopg.Connection[Any], code: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        module_connection.execute(
            """SELECT artifactstore.refuse(%s, '{"problem": "here", "sequence": 7}')""", (code,)
        )
    failure = translate(caught.value)
    expected = error(code, {"problem": "here", "sequence": 7})
    assert type(failure) is type(expected)
    assert (failure.code, failure.sqlstate) == (code, ERRORS[code].sqlstate)
    assert failure.detail == expected.detail
    assert (failure.hint, failure.message) == (expected.hint, expected.message)
    assert caught.value.diag.message_primary == f"{expected.message} (sequence 7)"
