"""Everything that the service offers, path by path."""

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import (
    audit,
    content,
    copies,
    documents,
    events,
    files,
    locations,
    log,
    lookups,
    objects,
    operation,
    packages,
    policies,
    puts,
    retention,
    stores,
    tokens,
    uploads,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *packages.ENDPOINTS,
    *files.ENDPOINTS,
    *locations.ENDPOINTS,
    *copies.ENDPOINTS,
    *content.ENDPOINTS,
    *puts.ENDPOINTS,
    *stores.ENDPOINTS,
    *objects.ENDPOINTS,
    *uploads.ENDPOINTS,
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
