"""The service over the log: commands, reads and the feed, as an ASGI application.

``create_app`` makes it from ``Settings``; ``artifactstore serve`` runs it on uvicorn.
"""

from artifactstore.http.app import create_app
from artifactstore.http.settings import Settings

__all__ = ["Settings", "create_app"]
