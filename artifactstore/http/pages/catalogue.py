"""Every page of the explorer, as the endpoint that it is; they are no part of /openapi.json."""

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.pages import event, live, log

PAGES: tuple[Endpoint, ...] = (log.PAGE, event.PAGE, live.PAGE)
