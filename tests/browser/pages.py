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
    View("no-event", "/ui/events/999999", status=404),
    View("no-page", "/ui/nowhere", status=404),
    View("no-purl", "/ui/?package=x", status=422),
)
