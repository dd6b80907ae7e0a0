"""Everything that the service offers, path by path."""

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import (
    audit,
    copies,
    documents,
    events,
    files,
    locations,
    log,
    lookups,
    operation,
    packages,
    policies,
    retention,
    tokens,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *packages.ENDPOINTS,
    *files.ENDPOINTS,
    *locations.ENDPOINTS,
    *copies.ENDPOINTS,
    *retention.ENDPOINTS,
    *policies.ENDPOINTS,
    *events.ENDPOINTS,
    *audit.ENDPOINTS,
    *log.ENDPOINTS,
    *lookups.ENDPOINTS,
    *tokens.ENDPOINTS,
    *operation.ENDPOINTS,
    *documents.ENDPOINTS,
)
