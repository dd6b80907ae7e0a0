"""The log and its views from Python: ``Store``, by thing, one method per SQL function or read.

Every error of the database leaves as an ``ArtifactstoreError``. Rows of views come as dicts with all
columns of the view (docs/reference/sql.md): ids as ``UUID``, digests as ``bytes``, times as aware
``datetime``.
Methods that return an iterator stream from a server-side cursor in a transaction, so that memory stays
flat; exhaust or close the iterator before the connection is used for anything else.

What needs the driver is imported when it is asked for: queries and rows are also those of a service, and who
talks to one need not have PostgreSQL's driver.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from artifactstore.store.rows import Appended, Difference, LoggedEvent, ManifestEntry, Row, Verdict
from artifactstore.store.selection import (
    CopyQuery,
    EventFilter,
    EventQuery,
    FileQuery,
    LogQuery,
    PackageQuery,
    PageQuery,
)

if TYPE_CHECKING:
    from artifactstore.store.database import Store
    from artifactstore.store.identity import Epoch, Evidence, Home, Position
    from artifactstore.store.installation import Installed
    from artifactstore.store.overviews import Overview, Story
    from artifactstore.store.prepared import Outcome, PreparedEvent, prepare
    from artifactstore.store.tokens import Token
    from artifactstore.store.view_sets import Begun, ViewSet
    from artifactstore.store.writes import check_manifest

_HOMES = {
    "database": ("Store",),
    "identity": ("Epoch", "Evidence", "Home", "Position"),
    "installation": ("Installed",),
    "overviews": ("Overview", "Story"),
    "prepared": ("Outcome", "PreparedEvent", "prepare"),
    "tokens": ("Token",),
    "view_sets": ("Begun", "ViewSet"),
    "writes": ("check_manifest",),
}
"""Modules that need the driver, and what of them is offered here."""


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(name)


__all__ = [
    "Appended",
    "Begun",
    "CopyQuery",
    "Difference",
    "Epoch",
    "EventFilter",
    "EventQuery",
    "Evidence",
    "FileQuery",
    "Home",
    "Installed",
    "LogQuery",
    "LoggedEvent",
    "ManifestEntry",
    "Outcome",
    "Overview",
    "PackageQuery",
    "PageQuery",
    "Position",
    "PreparedEvent",
    "Row",
    "Store",
    "Story",
    "Token",
    "Verdict",
    "ViewSet",
    "check_manifest",
    "prepare",
]
