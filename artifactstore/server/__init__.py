"""Start and stop a private PostgreSQL server: its programs, its system account, its cluster directory.

``embedded.py`` decides where such a server lives and for how long; the test suite starts its own.
"""

from artifactstore.server.account import (
    Account,
    account,
    account_exists,
    account_of,
    closed_to,
    name_of,
    roots_account,
    unusable,
)
from artifactstore.server.cluster import SUPERUSER, Cluster, check_private, major_of, socket_fits
from artifactstore.server.programs import (
    WHEEL,
    WHEEL_PREFIXES,
    Programs,
    reachable_programs,
    wheel_programs,
)

__all__ = [
    "SUPERUSER",
    "WHEEL",
    "WHEEL_PREFIXES",
    "Account",
    "Cluster",
    "Programs",
    "account",
    "account_exists",
    "account_of",
    "check_private",
    "closed_to",
    "major_of",
    "name_of",
    "reachable_programs",
    "roots_account",
    "socket_fits",
    "unusable",
    "wheel_programs",
]
