"""Templates become pages: everything is escaped, and a name that is missing is a defect."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.types import Scope

from artifactstore import __version__
from artifactstore.http.endpoint import Answer, Call
from artifactstore.http.pages import texts
from artifactstore.http.pages.download import downloadable, viewable
from artifactstore.http.pages.headers import EXPLORER, HTML, PAGE_HEADERS
from artifactstore.http.pages.static import static_url
from artifactstore.http.web.trace import current

NAVIGATION: tuple[tuple[str, str], ...] = (
    ("Log", EXPLORER),
    ("Search", EXPLORER + "search"),
    ("Storage", EXPLORER + "storage"),
    ("Health", EXPLORER + "health"),
)
"""What every page leads to: name and path."""


_SAFE = "/:@+=&,;"
"""Of the characters of a purl those that a path may have as they are; a % is none of them."""


def package_url(purl: str) -> str:
    """The page that tells of a package."""
    return f"{EXPLORER}packages/{quote(purl, safe=_SAFE)}"


def with_query(path: str, query: Mapping[str, object], **changes: object) -> str:
    """A path with a query, of which some parameters are changed; None: without it."""
    merged = {name: value for name, value in {**query, **changes}.items() if value is not None}
    return f"{path}?{urlencode(merged)}" if merged else path


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "visible": texts.visible,
        "short": texts.short,
        "moment": texts.moment,
        "exact": texts.exact,
        "ago": texts.ago,
        "byte_size": texts.byte_size,
    }
    made.tests["identifier"] = texts.is_identifier
    made.tests |= {"downloadable": downloadable, "viewable": viewable}
    made.globals |= {
        "explorer": EXPLORER,
        "navigation": NAVIGATION,
        "package_url": package_url,
        "static_url": static_url,
        "version": __version__,
        "with_query": with_query,
    }
    return made


_TEMPLATES = _environment()


def render(template: str, scope: Scope, **context: object) -> bytes:
    """The page that a template of this room makes."""
    own = {"actor": current(scope).actor, "path": scope["path"]}
    return _TEMPLATES.get_template(template).render(own | context).encode("utf-8", "backslashreplace")


def shown(call: Call, template: str, **context: object) -> Answer:
    """The answer with the page that a template makes."""
    return Answer(render(template, call.scope, **context), headers=dict(PAGE_HEADERS), media_type=HTML)
