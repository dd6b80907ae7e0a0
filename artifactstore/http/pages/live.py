"""What a page hears while it is open: the feed as it is streamed to programs, for who signed in."""

from dataclasses import replace

from artifactstore.http.pages.headers import EXPLORER
from artifactstore.http.routes.events import FEED, stream_events

PAGE = replace(FEED, path=EXPLORER + "stream", tag="explorer", handle=stream_events, also={})
