"""F10: what made the views is known: projectors, all that they call, lanes and shapes of the catalogue."""

from pathlib import Path

import pytest

from artifactstore.migrate import migrate
from artifactstore.migrate.files import packaged
from artifactstore.store import Store
from tests.databases import Connect
from tests.migration.sources import extended, fill

_CATALOGUE = "1_codec/payload/event_types.sql"
DECISIVE = {
    "a projector": (
        "3_project/package/project_package_yanked.sql",
        "p.state <> 'sealed'",
        "p.state != 'sealed'",
    ),
    "a decoder": ("1_codec/payload/decode_labels.sql", "BEGIN\n", "BEGIN\n    NULL;\n"),
    "from_micros": ("0_base/from_micros.sql", "1970-01-01'", "1970-01-01 00:00'"),
    "what a decoder calls": ("1_codec/cbor/cbor_head.sql", "IMMUTABLE", "IMMUTABLE COST 90"),
    "what refuses": ("3_project/refusals/refuse_event.sql", "BEGIN\n", "BEGIN\n    NULL;\n"),
    "a lane": (
        _CATALOGUE,
        "'writer', false, 'retention',\n     'A legal hold",
        "'writer', false, 'package',\n     'A legal hold",
    ),
    "a shape": (_CATALOGUE, '"max": 1024, "doc": "why"', '"max": 1023, "doc": "why"'),
}
"""What decides the rows: path, a text of it, and another one."""

INDIFFERENT = {
    "a comment line": ("3_project/fold/fold.sql", "BEGIN\n", "BEGIN\n    -- a remark, it's one\n"),
    "a comment behind code": ("3_project/fold/fold.sql", "BEGIN\n", "BEGIN -- a remark, it's one\n"),
    "a comment in the middle": ("0_base/from_micros.sql", "SELECT ", "SELECT /* it's a\n remark */ "),
    "the comment on a function": ("3_project/fold/fold.sql", "IS\n'", "IS\n'It''s another one: "),
    "a description": (_CATALOGUE, "'A legal hold was released'", "'A hold was released'"),
    "the doc of a field": (_CATALOGUE, '"max": 1024, "doc": "why"', '"max": 1024, "doc": "the reason"'),
    "a function outside": (
        "5_read/list_tokens.sql",
        "LIMIT p_limit",
        "LIMIT p_limit OFFSET 0",
    ),
}


@pytest.mark.parametrize("what", DECISIVE)
def test_f10_what_decides_the_rows_needs_a_replay(
    what: str, database: str, connect: Connect, tmp_path: Path
) -> None:
    """F10: and a snapshot from before is stale."""
    path, old, new = DECISIVE[what]
    conn = connect()
    fill(conn)
    store = Store(conn)
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        snapshot = store.view_sets.create_snapshot().schema_name
    assert store.view_sets.view_set_problem(snapshot) is None
    source = extended(tmp_path, sql={path: edited(path, old, new)})
    assert migrate(database, source=source).replayed
    assert str(store.view_sets.view_set_problem(snapshot)).startswith("stale: ")
    assert not migrate(database, source=source).replayed


def edited(path: str, old: str, new: str) -> str:
    """The text of a file under sql/, one place of it exchanged."""
    text = (packaged().sql / path).read_text()
    assert old in text, path
    return text.replace(old, new)


def test_f10_what_decides_nothing_needs_no_replay(database: str, connect: Connect, tmp_path: Path) -> None:
    """F10: nobody waits for a remark."""
    fill(connect())
    for number, (path, old, new) in enumerate(INDIFFERENT.values()):
        source = extended(tmp_path / str(number), sql={path: edited(path, old, new)})
        assert not migrate(database, source=source).replayed, path
