"""Directories of tests that programs of another account must get through to."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import guardian


@contextmanager
def public_directory(prefix: str = "as-open-", parent: Path | None = None) -> Iterator[Path]:
    """A directory that every account may enter; it goes away when it is left.

    Root's server runs under another account. Directories of pytest would not do: their parent is closed again
    whenever another run of the same account begins.
    """
    made = guardian.current().make_directory(prefix, parent)
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
