"""The pages that browsers are led to: a page joins all tests of this folder by a row."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """A page in some state.

    Attributes:
        path: with the names that ``story.tell`` gives in braces.
        status: of the answer.
        signed_in: whether a token is asked for.
        pictured: whether docs/images/ has it, under its name.
    """

    name: str
    path: str
    status: int = 200
    signed_in: bool = True
    pictured: bool = False


VIEWS = (
    View("sign-in", "/ui/sign-in", signed_in=False, pictured=True),
    View("log", "/ui/", pictured=True),
    View("log-asked", "/ui/?package={purl}&action=v1.package.*&from=2020-01-01&limit=3"),
    View("log-nothing", "/ui/?actor=nobody"),
    View("event", "/ui/events/{sequence}"),
    View("event-of-request", "/ui/events/{first}", pictured=True),
    View("package", "/ui/packages/{purl}", pictured=True),
    View("package-sealed", "/ui/packages/pkg:generic/p@1"),
    View("package-by-id", "/ui/packages/{package_id}"),
    View("package-then", "/ui/packages/{purl}?at={first}"),
    View("package-rest", "/ui/packages/{purl}?files=A&before={sequence}"),
    View("no-package", "/ui/packages/pkg:generic/nowhere@1", status=404),
    View("package-to-come", "/ui/packages/{purl}?at=999999", status=404),
    View("search", "/ui/search", pictured=True),
    View("search-packages", "/ui/search?q=pkg:generic/"),
    View("search-files", "/ui/search?q=" + "cd" * 32),
    View("search-holds", "/ui/search?q=bell%07+escape%1B[31m+delete%7F+nel%C2%85+line%E2%80%A8"),
    View("search-nothing", "/ui/search?q=%3Cscript%3Ealert(1)%3C/script%3E"),
    View("storage", "/ui/storage"),
    View("health", "/ui/health", pictured=True),
    View("no-event", "/ui/events/999999", status=404),
    View("no-page", "/ui/nowhere", status=404),
    View("no-purl", "/ui/?package=x", status=422),
)
