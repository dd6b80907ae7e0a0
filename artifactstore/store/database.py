"""``Store``: everything that is asked of one database, by what is asked about."""

from typing import Any

from psycopg import Connection

from artifactstore.store.activity import Activity
from artifactstore.store.contents import Contents
from artifactstore.store.copies import Copies
from artifactstore.store.grants import Grants
from artifactstore.store.health import Health
from artifactstore.store.identity import Identification
from artifactstore.store.imports import Imports
from artifactstore.store.installation import Installation
from artifactstore.store.keeper import KeeperRuns
from artifactstore.store.keeping import KeptCopies
from artifactstore.store.locks import StoreLocks
from artifactstore.store.log import Log
from artifactstore.store.objects import Objects
from artifactstore.store.overviews import Overviews
from artifactstore.store.packages import Packages
from artifactstore.store.pages import Pages
from artifactstore.store.placed import Placed
from artifactstore.store.policies import Policies
from artifactstore.store.rebuilds import Rebuilds
from artifactstore.store.removals import Removals
from artifactstore.store.retention import RetentionReads
from artifactstore.store.stocks import Stocks
from artifactstore.store.tokens import Tokens
from artifactstore.store.view_sets import ViewSets
from artifactstore.store.writes import Writes


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
        self.policies = Policies(connection)
        self.copies = Copies(connection)
        self.contents = Contents(connection)
        self.removals = Removals(connection)
        self.keeper = KeeperRuns(connection)
        self.keeping = KeptCopies(connection)
        self.objects = Objects(connection)
        self.locks = StoreLocks(connection)
        self.stocks = Stocks(connection)
        self.placed = Placed(connection)
        self.tokens = Tokens(connection)
        self.rebuilds = Rebuilds(connection)
        self.view_sets = ViewSets(connection)
        self.health = Health(connection)
        self.activity = Activity(connection)
        self.grants = Grants(connection)
        self.installation = Installation(connection)
