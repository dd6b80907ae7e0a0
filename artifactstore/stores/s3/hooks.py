"""Where boto3 is told to do otherwise than it would by itself."""

from base64 import b64encode
from hashlib import md5
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree

_EMPTY = b"<ListBucketResult/>"
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def register(events: Any) -> None:
    """Hook them into the events of a client."""
    events.register("before-parse.s3.ListObjectsV2", _read_fast)
    events.register("before-sign.s3.DeleteObjects", _add_md5)


def _read_fast(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Read a page of a listing in place of botocore, which takes five times as long."""
    if response_dict["status_code"] != 200:
        return
    page = ElementTree.fromstring(response_dict["body"])  # noqa: S314 - expat refuses what expands without end
    space = _NAMESPACE if page.tag.startswith("{") else ""
    encoded = page.findtext(f"{space}EncodingType") == "url"
    customized_response_dict["Fast"] = [
        (
            unquote_plus(key) if encoded else key,
            int(one.findtext(f"{space}Size") or 0),
            one.findtext(f"{space}LastModified"),
        )
        for one in page.iterfind(f"{space}Contents")
        if (key := one.findtext(f"{space}Key"))
    ]
    customized_response_dict["Below"] = [
        unquote_plus(name) if encoded else name
        for one in page.iterfind(f"{space}CommonPrefixes")
        if (name := one.findtext(f"{space}Prefix"))
    ]
    customized_response_dict["Next"] = page.findtext(f"{space}NextContinuationToken")
    customized_response_dict["More"] = page.findtext(f"{space}IsTruncated") == "true"
    response_dict["body"] = _EMPTY


def _add_md5(request: Any, **_: object) -> None:
    """Say the MD5 of a bulk removal, which older stores ask for."""
    digest = md5(request.body, usedforsecurity=False).digest()
    request.headers["Content-MD5"] = b64encode(digest).decode()
