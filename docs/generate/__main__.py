"""Write the generated pages of the reference, or check that they are up to date."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from artifactstore import embedded
from artifactstore.migrate import migrate
from docs.generate import pages


def main() -> int:
    """Exit code 0; with --check 1 if a page is stale."""
    parser = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if a page is stale")
    parser.add_argument("--database-url", help="a migrated database (default: a new one, thrown away)")
    arguments = parser.parse_args()
    with _database(arguments.database_url) as conninfo, psycopg.connect(conninfo) as conn:
        found = pages.generate(conn)
    stale = pages.stale(found)
    if not arguments.check:
        pages.write(found)
    told = "stale, run scripts/docs" if arguments.check else "written"
    for path in stale:
        sys.stderr.write(f"{path.relative_to(pages.ROOT)}: {told}\n")
    return 1 if arguments.check and stale else 0


@contextmanager
def _database(named: str | None) -> Iterator[str]:
    """A migrated database: the one that was named, or a new embedded one."""
    if named:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="as-docs-") as scratch:
        # Root's server runs under another account, which must get through to its directories.
        Path(scratch).chmod(0o711 if os.geteuid() == 0 else 0o700)
        home = Path(scratch) / "server"
        conninfo = embedded.ensure_running(home)
        try:
            migrate(conninfo, role_prefix="registry", grant_to_login=True)
            yield conninfo
        finally:
            embedded.stop(home)


if __name__ == "__main__":
    sys.exit(main())
