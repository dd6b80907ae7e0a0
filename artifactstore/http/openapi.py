"""/openapi.json, made from the endpoints themselves, the event catalogue and the table of errors."""

from collections.abc import Container, Iterable, Sequence
from typing import Any

from artifactstore import __version__
from artifactstore.errors import ERRORS
from artifactstore.events import EVENT_TYPES
from artifactstore.events.fields import object_schema
from artifactstore.events.kinds import Schema
from artifactstore.http.endpoint import JSON, Endpoint
from artifactstore.http.web import problems
from artifactstore.http.web.answers import DIGEST, SCHEMAS, payload_schemas, record, ref
from artifactstore.http.web.compression import SUFFIX
from artifactstore.http.web.request import Parameter

_HEADERS: dict[str, Schema] = {
    "X-Request-Id": {"type": "string"},
    "Artifactstore-Head": {"type": "string", "pattern": "^[0-9]+$"},
    "Artifactstore-Log": {"type": "string", "format": "uuid"},
    "Artifactstore-Epoch": {"type": "string", "pattern": "^[1-9][0-9]*-[0-9a-f]{8}$"},
    "ETag": {"type": "string", "pattern": f'^"([0-9a-f]{{1,32}}({SUFFIX})?|b3-[0-9a-f]{{64}})"$'},
    "Accept-Ranges": {"type": "string", "const": "bytes"},
    "Artifactstore-Blake3": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "Artifactstore-Warning": {"type": "string", "const": "yanked"},
    "Content-Disposition": {"type": "string", "pattern": "^attachment; "},
    "Content-Range": {"type": "string", "pattern": "^bytes "},
    "Repr-Digest": {"type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/=]{44}:$"},
    "Cache-Control": {"type": "string"},
    "Vary": {"type": "string"},
    "Artifactstore-Next": {"type": "string", "pattern": "^[0-9]+$"},
    "Artifactstore-Next-Digest": DIGEST,
    "Artifactstore-Digest": DIGEST,
    "Artifactstore-Has-More": {"type": "string", "enum": ["true", "false"]},
    "Location": {"type": "string"},
    "Link": {"type": "string", "pattern": '^<[^<>]*>; rel="next"$'},
    "Idempotent-Replayed": {"type": "string", "const": "true"},
    "Retry-After": {"type": "string", "pattern": "^[0-9]+$"},
    "WWW-Authenticate": {"type": "string"},
    "Allow": {"type": "string"},
    "X-Accel-Buffering": {"type": "string", "const": "no"},
}
_OPTIONAL = ("Artifactstore-Log", "Artifactstore-Epoch", "Idempotent-Replayed", "Location")

_OF_ALL = (
    "bad-request", "headers-too-large", "overloaded", "unavailable", "database-missing", "login-refused",
    "role-missing", "schema-outdated", "schema-newer", "internal",
)  # fmt: skip
_OF_AUTHENTICATED = ("unauthorized", "forbidden")
_OF_READS = ("cursor-ahead", "log-damaged")
_OF_BODIES = ("bad-payload", "too-large", "request-timeout", "unsupported-media-type")
_OF_STREAMS = ("too-large", "slow-upload", "bad-media", "digest-mismatch")
_OF_COMMANDS = (
    "bad-payload",
    "busy",
    "moved",
    "log-full",
    "views-behind",
    "read-only",
    "disk-full",
    "log-damaged",
)


_DESCRIPTION = (
    "An append-only log as the only source of truth of an artifact registry. Commands append events and "
    "answer with them; reads tell in the headers Artifactstore-Log, -Epoch and -Head where the log stood. "
    "Errors are problem details (RFC 9457) with a code. A repeated POST with the same Idempotency-Key is "
    "carried out once. Text is UTF-8 without U+0000, its bounds are in bytes."
)


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint)
        if endpoint.gives:
            operation["responses"][str(endpoint.status)]["links"] = _links(endpoint, endpoints)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "artifactstore",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": _DESCRIPTION,
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**SCHEMAS, **payload_schemas(EVENT_TYPES.values()), "Problem": _problem()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`ast_<id>_<secret>`"}
            },
        },
    }


def codes(endpoint: Endpoint) -> list[str]:
    """Every code that an endpoint may answer with."""
    found = [*_OF_ALL, *endpoint.refusals]
    if endpoint.role is not None:
        found += _OF_AUTHENTICATED
    if endpoint.takes:
        found += _OF_STREAMS
    elif endpoint.method != "GET":
        found += _OF_BODIES
    if endpoint.method != "GET" and endpoint.appends and not endpoint.apart:
        found += _OF_COMMANDS
        found += ["request-mismatch"] if endpoint.keyed else []
        found += ["changed"] if endpoint.if_match else []
    elif endpoint.reads_log:
        found += _OF_READS
    return sorted(set(found))


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": _operation_id(endpoint),
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "parameters": [*_parameters(endpoint)],
        "responses": _responses(endpoint),
    }
    roles = "No token is needed." if endpoint.role is None else f"Needs the role {endpoint.role.title}."
    told["description"] = f"{endpoint.doc} {roles}".strip()
    if endpoint.role is None:
        told["security"] = []
    if endpoint.takes:
        told["requestBody"] = {"required": True, "content": {one: {} for one in endpoint.takes}}
    elif endpoint.body is not None:
        told["requestBody"] = {
            "required": endpoint.batch is not None or any(field.required for field in endpoint.body),
            "content": {JSON: {"schema": _body(endpoint)}},
        }
    return told


def _links(source: Endpoint, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """What can be done with the ids of an answer: every path that needs one of them and no unknown id."""
    values = {p.name: f"$request.path.{p.name}" for p in source.path_parameters}
    values |= {name: f"$response.body#{pointer}" for name, pointer in source.gives.items()}
    links = {}
    for endpoint in endpoints:
        names = {parameter.name for parameter in endpoint.path_parameters}
        if names & source.gives.keys() and names <= values.keys():
            links[_operation_id(endpoint)] = {
                "operationId": _operation_id(endpoint),
                "parameters": {name: values[name] for name in sorted(names)},
            }
    return links


def _operation_id(endpoint: Endpoint) -> str:
    words = [word for word in endpoint.path.split("/") if word and not word.startswith("{")]
    single = endpoint.path.endswith("}")
    return "_".join([endpoint.method.lower(), *(word.replace(".", "_") for word in words), *["one"] * single])


def _body(endpoint: Endpoint) -> Schema:
    one = object_schema(endpoint.body or ())
    if endpoint.batch is None:
        return one
    name, limit = endpoint.batch
    many: Schema = {
        "type": "object",
        "properties": {name: {"type": "array", "items": one, "minItems": 1, "maxItems": limit}},
        "required": [name],
        "additionalProperties": False,
    }
    return {"oneOf": [one, many]}


def _parameters(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    for parameter in endpoint.path_parameters:
        yield _parameter(parameter, "path") | {"required": True}
    for parameter in endpoint.query:
        yield _parameter(parameter, "query")
    for parameter in endpoint.hears:
        yield _parameter(parameter, "header")
    if endpoint.keyed:
        yield _header(
            "Idempotency-Key",
            {"type": "string", "pattern": "^[!-~]{1,255}$"},
            "the same key and body, by the same actor: carried out once; another body: 422",
        )
    if endpoint.if_match:
        yield _header(
            "If-Match",
            {"type": "string", "pattern": '^(\\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*)$'},
            "ETag of what is changed, or several: 412 unless it is still that; weak ones never are",
        )
    if endpoint.etag:
        yield _header(
            "If-None-Match", {"type": "string"}, "ETags that are known, or *: 304 if it is still one"
        )


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    shape = parameter.kind.shape()
    if parameter.default is not None:
        shape["default"] = parameter.default
    told: dict[str, Any] = {
        "name": parameter.name,
        "in": place,
        "description": parameter.doc,
        "schema": shape,
    }
    if parameter.required:
        told["required"] = True
    if parameter.repeatable:
        told |= {"schema": {"type": "array", "items": shape}, "style": "form", "explode": True}
    return told


def _header(name: str, shape: Schema, doc: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": doc, "schema": shape}


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    content = {} if endpoint.answer is None else {"schema": endpoint.answer}
    answer = {
        "description": endpoint.summary,
        "headers": _response_headers(endpoint),
        "content": {
            endpoint.media_type: content or {"schema": {"type": "string"}},
            **{media_type: {"schema": shape} for media_type, shape in endpoint.also.items()},
        },
    }
    told: dict[str, Any] = {str(endpoint.status): answer}
    told |= {str(status): {**answer, "description": doc} for status, doc in endpoint.others.items()}
    if endpoint.etag:
        told["304"] = {"description": "It is still what the ETag names.", "headers": _headers("ETag")}
    by_status: dict[int, list[str]] = {}
    for code in codes(endpoint):
        by_status.setdefault(ERRORS[code].http_status, []).append(code)
    for status, names in sorted(by_status.items()):
        told[str(status)] = {
            "description": "; ".join(f"{name}: {ERRORS[name].message}" for name in names),
            "headers": _headers("X-Request-Id", *_problem_headers(status)),
            "content": {problems.MEDIA_TYPE: {"schema": _problem_of(names, status)}},
        }
    return told


def _problem_headers(status: int) -> Sequence[str]:
    return {503: ("Retry-After",), 401: ("WWW-Authenticate",)}.get(status, ())


def _response_headers(endpoint: Endpoint) -> dict[str, Any]:
    names = ["X-Request-Id"]
    if endpoint.reads_log:
        names += ["Artifactstore-Head", "Artifactstore-Log", "Artifactstore-Epoch"]
    if endpoint.etag:
        names.append("ETag")
    if endpoint.creates:
        names.append("Location")
    if endpoint.keyed:
        names.append("Idempotent-Replayed")
    optional = {*_OPTIONAL, *endpoint.may_have}
    return _headers(*dict.fromkeys([*names, *endpoint.may_have]), optional=optional)


def _headers(*names: str, optional: Container[str] = _OPTIONAL) -> dict[str, Any]:
    return {name: {"schema": _HEADERS[name], "required": name not in optional} for name in names}


def _problem() -> Schema:
    members = record(
        "Problem details (RFC 9457); facts of the error stand beside these members.",
        type={"type": "string", "format": "uri"},
        title={"type": "string"},
        status={"type": "integer"},
        code={"type": "string", "enum": sorted(ERRORS)},
        detail={"type": "string"},
        hint={"type": "string"},
        request_id={"type": "string"},
    )
    return members | {"additionalProperties": True}


def _problem_of(names: Sequence[str], status: int) -> Schema:
    particular = {"properties": {"status": {"const": status}, "code": {"enum": sorted(names)}}}
    return {"allOf": [ref("Problem"), particular]}
