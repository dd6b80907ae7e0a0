"""Start and stop a private PostgreSQL server: its programs, its system account, its cluster directory.

``embedded.py`` decides where such a server lives and for how long; the test suite starts its own.
"""

from artifactstore.server.account import Account, account, unusable
from artifactstore.server.cluster import SUPERUSER, Cluster, check_private, socket_fits
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
    "check_private",
    "reachable_programs",
    "socket_fits",
    "unusable",
    "wheel_programs",
]
