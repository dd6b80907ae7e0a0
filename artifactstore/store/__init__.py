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
from artifactstore.store.identity import Epoch, Evidence, Home, Identity, Position
from artifactstore.store.imports import Imports
from artifactstore.store.installed import Installation, Installed
from artifactstore.store.log import LogReads
from artifactstore.store.pages import FileQuery, PackageQuery
from artifactstore.store.prepared import Outcome, PreparedEvent, PreparedWrites, prepare
from artifactstore.store.rebuilds import Rebuilds
from artifactstore.store.removals import RemovalReads
from artifactstore.store.rows import (
    Appended,
    Difference,
    EventFilter,
    LoggedEvent,
    ManifestEntry,
    Row,
)
from artifactstore.store.tokens import Token, Tokens
from artifactstore.store.view_sets import Begun, ViewSet, ViewSets
from artifactstore.store.views import ViewReads
from artifactstore.store.writes import check_manifest


class Store(
    PreparedWrites,
    LogReads,
    ViewReads,
    RemovalReads,
    Explanations,
    DueReads,
    CopyReads,
    Tokens,
    Identity,
    Rebuilds,
    ViewSets,
    Imports,
    Diagnosis,
    Installation,
):
    """Typed access to one database.

    Args:
        connection: in autocommit mode and pinned, as ``artifactstore.db.connect`` makes it.
    """


__all__ = [
    "Appended",
    "Begun",
    "CopyQuery",
    "Difference",
    "Epoch",
    "EventFilter",
    "Evidence",
    "FileQuery",
    "Home",
    "Installed",
    "LoggedEvent",
    "ManifestEntry",
    "Outcome",
    "PackageQuery",
    "Position",
    "PreparedEvent",
    "Row",
    "Store",
    "Token",
    "ViewSet",
    "check_manifest",
    "prepare",
]
