"""What a path may name beside ids: a package by its purl, and a file by its path; both have slashes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes
from uuid import UUID

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope

from artifactstore.events import patterns
from artifactstore.events.kinds import Id, Schema, Text
from artifactstore.http.web.request import bad_request

_PURL = Text(max=1024, pattern="^[Pp][Kk][Gg]:")


@dataclass(frozen=True, slots=True)
class PackageReference(Id):
    """A package by its id, or by its purl in any valid spelling, which whoever reads it judges."""

    def shape(self) -> Schema:
        return {"anyOf": [Id().shape(), _PURL.shape()]}

    def read_text(self, text: str) -> UUID | str:
        """The id, or the purl as it is written; raises ``Problem``."""
        return _PURL.pack(text) if text[:4].lower() == "pkg:" else self.read(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathOfFile(Text):
    """The path of a file in a package: all that follows in the path of the request, slashes and all."""

    max: int = 1024
    pattern: str = patterns.PATH


class _ReferenceConvertor(Convertor[str]):
    """One segment of a path, or a purl: then all that follows, since servers and proxies decode %2F."""

    regex = r"[^/]+|[Pp][Kk][Gg]:[\s\S]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _RestConvertor(_ReferenceConvertor):
    """All that follows."""

    regex = r"[\s\S]+"


register_url_convertor("reference", _ReferenceConvertor())
register_url_convertor("rest", _RestConvertor())

CONVERTORS: Final[Mapping[type, str]] = {PackageReference: "reference", PathOfFile: "rest"}
"""How the router reads a parameter of a path that is more than a segment, by its kind."""


def check_path(scope: Scope) -> None:
    """Raise ``BadInput`` bad-request for a path that is no UTF-8.

    Servers put U+FFFD in the place of what is not, and a request could name a file that it does not mean.
    """
    try:
        unquote_to_bytes(scope["raw_path"]).decode()
    except UnicodeDecodeError:
        raise bad_request("the path is not percent-encoded UTF-8") from None
