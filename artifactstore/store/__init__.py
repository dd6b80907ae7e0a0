"""The log and its views from Python: ``Store``, one method per SQL function or read.

Every error of the database leaves as an ``ArtifactstoreError``. Rows of views come as dicts with all
columns of the view (EVENTS.md): ids as ``UUID``, digests as ``bytes``, times as aware ``datetime``.
Methods that return an iterator stream from a server-side cursor in a transaction, so that memory stays
flat; exhaust or close the iterator before the connection is used for anything else.
"""

from artifactstore.store.copies import CopyQuery, CopyReads
from artifactstore.store.diagnosis import Diagnosis
from artifactstore.store.due import DueReads
from artifactstore.store.explain import Explanations
from artifactstore.store.identity import Epoch, Home, Identity, Position
from artifactstore.store.imports import Imports
from artifactstore.store.log import LogReads
from artifactstore.store.pages import FileQuery, PackageQuery, Pages
from artifactstore.store.prepared import Outcome, PreparedEvent, PreparedWrites, prepare
from artifactstore.store.rebuilds import Rebuilds
from artifactstore.store.rows import (
    Appended,
    Difference,
    EventFilter,
    LoggedEvent,
    ManifestEntry,
    Row,
    Trigger,
)
from artifactstore.store.tokens import Token, Tokens
from artifactstore.store.view_sets import ViewSet, ViewSets
from artifactstore.store.views import ViewReads
from artifactstore.store.writes import check_manifest


class Store(
    PreparedWrites,
    LogReads,
    ViewReads,
    Pages,
    Explanations,
    DueReads,
    CopyReads,
    Tokens,
    Identity,
    Rebuilds,
    ViewSets,
    Imports,
    Diagnosis,
):
    """Typed access to one database.

    Args:
        connection: in autocommit mode and with TimeZone UTC, as ``artifactstore.db.connect`` makes it.
    """


__all__ = [
    "Appended",
    "CopyQuery",
    "Difference",
    "Epoch",
    "EventFilter",
    "FileQuery",
    "Home",
    "LoggedEvent",
    "ManifestEntry",
    "Outcome",
    "PackageQuery",
    "Position",
    "PreparedEvent",
    "Row",
    "Store",
    "Token",
    "Trigger",
    "ViewSet",
    "check_manifest",
    "prepare",
]
