"""The explorer: pages about the log for people, made on the server, which only read."""

from artifactstore.http.pages.catalogue import PAGES
from artifactstore.http.pages.failures import answer_failure
from artifactstore.http.pages.home import wants_html
from artifactstore.http.pages.routing import routes

__all__ = ("PAGES", "answer_failure", "routes", "wants_html")
