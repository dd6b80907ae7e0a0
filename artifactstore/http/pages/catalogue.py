"""Every page of the explorer, as the endpoint that it is; they are no part of /openapi.json."""

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.pages import event, health, live, log, package, search, storage

PAGES: tuple[Endpoint, ...] = (
    log.PAGE,
    event.PAGE,
    live.PAGE,
    package.PAGE,
    search.PAGE,
    storage.PAGE,
    health.PAGE,
)
