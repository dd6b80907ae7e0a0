"""Style sheet, script and icon: small files whose path has their digest, so that browsers keep them."""

from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from artifactstore.codec import digest
from artifactstore.errors import error
from artifactstore.events.kinds import Text
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.pages.headers import EXPLORER, STATIC_HEADERS
from artifactstore.http.web.request import Parameter

_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class StaticFile(NamedTuple):
    """A file as it is sent."""

    content: bytes
    media_type: str
    digest: str


def _load() -> Mapping[str, StaticFile]:
    loaded = {}
    for path in files(__package__).joinpath("static").iterdir():
        media_type = _MEDIA_TYPES.get(path.name.rpartition(".")[2])
        if media_type is not None:
            content = path.read_bytes()
            loaded[path.name] = StaticFile(content, media_type, digest(content).hex()[:16])
    return loaded


_FILES = _load()


def static_url(name: str) -> str:
    """The path of a file."""
    return f"{EXPLORER}static/{_FILES[name].digest}/{name}"


async def _file(call: Call) -> Answer:
    found = _FILES.get(call.path["name"])
    if found is None or found.digest != call.path["digest"]:
        raise error("no-such-path", {"problem": call.scope["path"]})
    return Answer(found.content, headers=dict(STATIC_HEADERS), media_type=found.media_type)


FILE = Endpoint(
    method="GET",
    path=EXPLORER + "static/{digest}/{name}",
    role=None,
    tag="explorer",
    summary="A file that pages need",
    handle=_file,
    path_parameters=(
        Parameter("digest", Text(max=64), "digest of the file"),
        Parameter("name", Text(max=64), "name of the file"),
    ),
)
