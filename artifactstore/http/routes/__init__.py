"""Everything that the service offers, path by path."""

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import files, locations, operation, packages, retention, tokens

ENDPOINTS: tuple[Endpoint, ...] = (
    *packages.ENDPOINTS,
    *files.ENDPOINTS,
    *locations.ENDPOINTS,
    *retention.ENDPOINTS,
    *tokens.ENDPOINTS,
    *operation.ENDPOINTS,
)
