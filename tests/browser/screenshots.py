"""Pictures of the explorer for the docs: ``python -m tests.browser.screenshots [DIRECTORY]``."""

import sys
from pathlib import Path

from psycopg.conninfo import make_conninfo

from artifactstore.migrate import migrate
from tests.browser.chromium import NARROW, WIDE, Scheme, chromium, context_of, launched, signed_in
from tests.browser.pages import VIEWS
from tests.browser.story import tell_plainly
from tests.databases import create_database, programs, running_cluster, superuser_conninfo
from tests.http.running import running

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LOOKS: tuple[tuple[Scheme, int], ...] = (("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW))
_HEIGHTS = {WIDE: 860, NARROW: 700}


def take(directory: Path) -> None:
    """Write a picture of each page that is pictured, in each look."""
    directory.mkdir(parents=True, exist_ok=True)
    with running_cluster(programs()) as cluster:
        conninfo = create_database(superuser_conninfo(cluster))
        migrate(conninfo)
        with running(make_conninfo(conninfo)) as service, launched(chromium()) as browser:
            names = tell_plainly(service.client())
            for scheme, width in LOOKS:
                context = context_of(browser, width=width, scheme=scheme)
                page = context.new_page()
                page.set_viewport_size({"width": width, "height": _HEIGHTS[width]})
                for view in sorted(VIEWS, key=lambda view: view.signed_in):
                    if view.pictured:
                        if view.signed_in:
                            signed_in(context, service.url, service.tokens["reader"])
                        page.goto(service.url + view.path.format(**names))
                        page.wait_for_timeout(300)
                        page.screenshot(path=directory / f"{view.name}-{scheme}-{width}.png")
                context.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
