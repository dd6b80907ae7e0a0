"""Signing in: what the cookie is, who may send the form, and where it leads to."""

from typing import Any

import httpx
import pytest

from artifactstore.http.pages.session import COOKIE
from tests.http.running import Registry, Running, running


def sign_in(service: Running, token: str, leads_to: str | None = None, **headers: str) -> httpx.Response:
    """The answer to the form."""
    form = {"token": token, **({} if leads_to is None else {"next": leads_to})}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.client(None).post("/ui/sign-in", data=form, headers=named)


@pytest.mark.parametrize("role", ["reader", "producer", "operator"])
def test_the_cookie_is_for_these_pages_alone(shared_service: Running, role: str) -> None:
    answer = sign_in(shared_service, f" {shared_service.tokens[role]}\n")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ui/")
    pair, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert pair == f"{COOKIE}={shared_service.tokens[role]}"
    assert attributes == ["Path=/ui", "HttpOnly", "SameSite=Strict"]
    cookie = {"Cookie": pair}
    client = shared_service.client(None)
    assert client.get("/ui/", headers=cookie).status_code == 200
    # For the API it is no token: no page can make a browser append.
    assert client.get("/packages", headers=cookie).status_code == 401


def test_by_https_it_is_secure_also_behind_a_proxy(shared_service: Running) -> None:
    token = shared_service.tokens["reader"]
    answer = sign_in(shared_service, token, Origin="https://a.example", Host="a.example")
    assert answer.headers["Set-Cookie"].endswith("; Secure")


@pytest.mark.parametrize("token", ["", "x", "ast_", "ast_" + "0" * 32 + "_" + "x" * 43, "\u202e", "a\r\nb"])
def test_what_is_no_token_is_told_in_the_form_and_sets_nothing(shared_service: Running, token: str) -> None:
    answer = sign_in(shared_service, token, "/ui/?actor=x")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "unauthorized" in answer.text
    assert 'value="/ui/?actor=x"' in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "same-origin"}, 303),
        ({"Sec_Fetch_Site": "none"}, 303),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Origin": "http://evil.example", "Host": "a.example"}, 403),
        ({"Origin": "null", "Host": "a.example"}, 403),
        ({"Origin": "http://a.example:81", "Host": "a.example"}, 403),
        ({"Origin": "http://a.example", "Host": "a.example"}, 303),
        ({"Origin": "http://a.example", "Host": "a.example", "Sec_Fetch_Site": "cross-site"}, 403),
        ({}, 303),
    ],
)
@pytest.mark.parametrize("path", ["/ui/sign-in", "/ui/sign-out"])
def test_a_form_of_another_site_does_nothing(
    shared_service: Running, headers: dict[str, str], status: int, path: str
) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    form = {"token": shared_service.tokens["reader"]}
    answer = shared_service.client(None).post(path, data=form, headers=named)
    assert answer.status_code == status
    assert ("Set-Cookie" in answer.headers) == (status == 303)


@pytest.mark.parametrize(
    ("given", "leads_to"),
    [
        (None, "/ui/"),
        ("/ui/events/3?a=%20b&c=d", "/ui/events/3?a=+b&c=d"),
        ("//evil.example/ui/", "/ui/"),
        ("https://evil.example/ui/", "/ui/"),
        ("/\\evil.example", "/ui/"),
        ("/ui/\\..\\..", "/ui/"),
        ("/ui/../packages", "/ui/"),
        ("/ui/\r\nX-Evil: 1", "/ui/"),
        ("/packages", "/ui/"),
        ("/uix", "/ui/"),
        ("javascript:alert(1)", "/ui/"),
        ("", "/ui/"),
    ],
)
def test_it_leads_to_pages_of_the_explorer_alone(
    shared_service: Running, given: str | None, leads_to: str
) -> None:
    answer = sign_in(shared_service, shared_service.tokens["reader"], given)
    assert answer.headers["Location"] == leads_to
    assert "X-Evil" not in answer.headers
    shown = shared_service.client(None).get("/ui/sign-in", params={} if given is None else {"next": given})
    assert f'name="next" value="{leads_to.replace("&", "&amp;")}"' in shown.text


def test_what_is_revoked_ends_the_session(service_conninfo: str) -> None:
    with running(service_conninfo, token_seconds=0) as service:
        registry = Registry(service.client())
        made = registry.post("/tokens", {"actor": "user:leaving", "roles": ["reader"]})
        client = service.client(None)
        client.headers["Cookie"] = f"{COOKIE}={made['token']}"
        assert client.get("/ui/").status_code == 200
        registry.post(f"/tokens/{made['token_id']}/revoke")
        answer = client.get("/ui/")
        assert answer.status_code == 401
        assert "unauthorized" in answer.text
        assert client.get("/ui/stream?since=0").status_code == 401


def test_signing_out_takes_the_cookie_away(shared_service: Running) -> None:
    client = shared_service.client(None)
    client.post("/ui/sign-in", data={"token": shared_service.tokens["reader"]})
    assert client.get("/ui/").status_code == 200
    client.post("/ui/sign-out")
    assert client.get("/ui/").status_code == 303


@pytest.mark.parametrize(
    "cookie", ["=", ";;", f"{COOKIE}=", f'{COOKIE}="a b"', f"{COOKIE}=\xff", "a=b; " * 50 + "c"]
)
def test_any_other_cookie_is_nobody(shared_service: Running, cookie: str) -> None:
    headers: Any = {"Cookie": cookie.encode("latin-1")}
    assert shared_service.client(None).get("/ui/", headers=headers).status_code in (303, 401)


def test_a_header_signs_nobody_in(shared_service: Running) -> None:
    """Who could look at pages by a header of a proxy could not sign out."""
    assert shared_service.client("reader").get("/ui/").status_code == 303


def test_a_form_is_small(shared_service: Running) -> None:
    answer = shared_service.client(None).post("/ui/sign-in", data={"token": "x" * 10_000})
    assert answer.status_code == 413
    assert "too-large" in answer.text
