"""The consumer of docs/how-to/consume-the-feed.md, run word for word."""

import sqlite3
import subprocess
import sys
from pathlib import Path

from psycopg.conninfo import make_conninfo

from tests.docs.snippets import DOCS, snippets
from tests.http.feeding import append_packages
from tests.http.running import running


def test_the_consumer_counts_each_event_once(
    database: str, login_names: dict[str, str], tmp_path: Path
) -> None:
    (block,) = (one for one in snippets(DOCS / "how-to" / "consume-the-feed.md") if one.language == "python")
    assert len([line for line in block.text.splitlines() if line]) <= 20
    program = tmp_path / "consumer.py"
    program.write_text(block.text)
    counts = tmp_path / "counts.db"
    conninfo = make_conninfo(database, user=login_names["service"])
    with running(conninfo) as service:
        for packages, head in ((3, 7), (4, 11)):
            append_packages(conninfo, packages, f"round-{packages}")
            arguments = [sys.executable, str(program), service.url, service.tokens["reader"], str(counts)]
            subprocess.run(arguments, check=True, timeout=60)
            with sqlite3.connect(counts) as connection:
                found = dict(connection.execute("SELECT event_type, events FROM counts"))
                (kept,) = connection.execute("SELECT sequence FROM cursor").fetchall()
            connection.close()
            assert sum(found.values()) == kept[0] == head
    assert found == {
        "v1.system.initialized": 1,
        "v1.system.token_issued": 3,
        "v1.package.created": 7,
    }
