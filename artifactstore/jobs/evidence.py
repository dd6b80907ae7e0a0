"""What in the database names an event that the log does not have: tokens, snapshots, a rebuild, views, home.

A cut-off end leaves a log that is whole by itself. What stands beside it may remember more.
"""

from collections.abc import Iterator

from artifactstore.jobs.findings import Finding
from artifactstore.store import Store


def evidence_findings(store: Store) -> Iterator[Finding]:
    """Each as a finding ``evidence``; a loss that an event v1.system.restored tells of is none."""
    for one in store.identity.evidence():
        yield Finding("evidence", f"{one.source} {one.name}: {one.problem}", sequence=one.sequence)
