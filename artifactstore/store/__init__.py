"""The log and its views from Python: ``Store``, by thing, one method per SQL function or read.

Every error of the database leaves as an ``ArtifactstoreError``. Rows of views come as dicts with all
columns of the view (docs/reference/sql.md): ids as ``UUID``, digests as ``bytes``, times as aware
``datetime``.
Methods that return an iterator stream from a server-side cursor in a transaction, so that memory stays
flat; exhaust or close the iterator before the connection is used for anything else.
"""

from typing import Any

from psycopg import Connection

from artifactstore.store.activity import Activity
from artifactstore.store.copies import Copies, CopyQuery
from artifactstore.store.grants import Grants
from artifactstore.store.health import Health
from artifactstore.store.identity import Epoch, Evidence, Home, Identification, Position
from artifactstore.store.imports import Imports
from artifactstore.store.installation import Installation, Installed
from artifactstore.store.log import Log
from artifactstore.store.overviews import Overview, Overviews, Story, Verdict
from artifactstore.store.packages import Packages
from artifactstore.store.pages import FileQuery, PackageQuery, Pages
from artifactstore.store.prepared import Outcome, PreparedEvent, prepare
from artifactstore.store.rebuilds import Rebuilds
from artifactstore.store.removals import Removals
from artifactstore.store.retention import RetentionReads
from artifactstore.store.rows import (
    Appended,
    Difference,
    LoggedEvent,
    ManifestEntry,
    Row,
)
from artifactstore.store.selection import EventFilter, EventQuery, LogQuery, PageQuery
from artifactstore.store.tokens import Token, Tokens
from artifactstore.store.view_sets import Begun, ViewSet, ViewSets
from artifactstore.store.writes import Writes, check_manifest


class Store:
    """Typed access to one database, by what is asked about.

    Args:
        connection: in autocommit mode and pinned, as ``artifactstore.db.connect`` makes it.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        self.connection = connection
        self.log = Log(connection)
        self.writes = Writes(connection)
        self.identity = Identification(connection)
        self.imports = Imports(connection)
        self.packages = Packages(connection)
        self.pages = Pages(connection)
        self.overviews = Overviews(connection)
        self.retention = RetentionReads(connection)
        self.copies = Copies(connection)
        self.removals = Removals(connection)
        self.tokens = Tokens(connection)
        self.rebuilds = Rebuilds(connection)
        self.view_sets = ViewSets(connection)
        self.health = Health(connection)
        self.activity = Activity(connection)
        self.grants = Grants(connection)
        self.installation = Installation(connection)


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
