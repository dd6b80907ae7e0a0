"""What the page on names and contents says of paths (F51)."""

import re

from artifactstore.events import FileIngested, NewEvent, PackageCreated, new_id
from artifactstore.store import Store
from tests.databases import Connect
from tests.docs.snippets import DOCS


def test_f51_a_package_may_have_all_paths_of_the_page(connect: Connect) -> None:
    """A file and one below it, names that differ in case or a blank, names that some systems keep."""
    page = (DOCS / "explanation" / "names-and-contents.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    paths = {path for row in rows for path in re.findall(r"`([^`]+)`", row)}
    assert paths >= {"a", "a/b", "A", "a ", "con", "a:b", "a\\b"}
    store = Store(connect())
    package = new_id()
    files = [FileIngested(package_id=package, path=path, size=1, blake3=bytes(32)) for path in sorted(paths)]
    store.writes.append(
        [
            NewEvent(PackageCreated(purl="pkg:generic/a@1"), package, "user:ann"),
            *(NewEvent(file, new_id(), "user:ann") for file in files),
        ]
    )
    assert {row["path"] for row in store.packages.files(package)} == paths
