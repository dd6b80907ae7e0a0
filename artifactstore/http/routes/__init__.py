"""Everything that the service offers, path by path."""

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import (
    audit,
    documents,
    events,
    files,
    locations,
    log,
    operation,
    packages,
    retention,
    tokens,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *packages.ENDPOINTS,
    *files.ENDPOINTS,
    *locations.ENDPOINTS,
    *retention.ENDPOINTS,
    *events.ENDPOINTS,
    *audit.ENDPOINTS,
    *log.ENDPOINTS,
    *tokens.ENDPOINTS,
    *operation.ENDPOINTS,
    *documents.ENDPOINTS,
)
