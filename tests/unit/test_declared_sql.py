"""What SQL has of the declarations in Python is what they say now."""

import pytest

from tests import declared_sql
from tests.declared_sql import SQL, declared


@pytest.mark.parametrize("path", declared())
def test_a_file_that_is_made_from_declarations_is_not_stale(path: str) -> None:
    assert (SQL / path).read_text(encoding="utf-8") == declared()[path], "run scripts/dump-schema"


def test_a_stale_file_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["declared_sql", "--check"])
    assert declared_sql.main() == 0
    stale = {**declared(), "0_base/error_codes.sql": "SELECT 1;\n"}
    monkeypatch.setattr(declared_sql, "declared", lambda: stale)
    assert declared_sql.main() == 1
    assert "sql/0_base/error_codes.sql is stale: run scripts/dump-schema" in capsys.readouterr().err
