"""Signing in and out, as a browser does it."""

from urllib.parse import urlencode

import pytest

from tests.hub.running import Hub, Reply
from whimbrel.hub.bodies import FORM_TYPE
from whimbrel.hub.login import local


@pytest.mark.parametrize("target", ["/", "/endpoints?last=1h&sort=p99", "/endpoints/0123456789abcdef", "/a#b"])
def test_where_we_go_afterwards_is_ours(target: str) -> None:
    assert local(target) == target


@pytest.mark.parametrize(
    "target",
    ["", "endpoints", "//evil.example", "/\\evil.example", "\\\\evil", "http://evil.example/", "javascript:alert(1)",
     "/\nx", "/\tx", " /", "/é", "///evil.example", "http:/x", "//[", "/\r\nSet-Cookie: a=b"],
)  # fmt: skip
def test_and_nowhere_else(target: str) -> None:
    assert local(target) == "/"


def form(hub: Hub, path: str, fields: dict[str, str], **headers: str) -> Reply:
    return hub.ask("POST", path, urlencode(fields).encode(), Content_Type=FORM_TYPE, **headers)


def signed_in(hub: Hub, name: str) -> str:
    reply = form(hub, "/login", {"token": hub.tokens[name], "next": "/endpoints?last=6h"})
    assert (reply.status, reply.headers["location"]) == (303, "/endpoints?last=6h")
    return reply.headers["set-cookie"]


def test_a_cookie_that_scripts_and_other_sites_do_not_have(locked_hub: Hub) -> None:
    cookie, *attributes = signed_in(locked_hub, "viewer").split("; ")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes  # the hub was reached in the clear
    assert locked_hub.get("/api/agents", Cookie=cookie).status == 200
    assert locked_hub.get("/api/tokens", Cookie=cookie).status == 403
    assert locked_hub.tokens["viewer"] not in cookie


def test_behind_a_proxy_that_speaks_https_the_cookie_is_secure(locked_hub: Hub) -> None:
    fields = {"token": locked_hub.tokens["viewer"]}
    reply = form(locked_hub, "/login", fields, X_Forwarded_Proto="https", X_Forwarded_For="192.0.2.7")
    assert "Secure" in reply.headers["set-cookie"].split("; ")


@pytest.mark.parametrize(("token", "why"), [("wrong", "unknown"), ("", "unknown"), ("agent", "role")])
def test_what_does_not_sign_in(token: str, why: str, locked_hub: Hub) -> None:
    reply = form(locked_hub, "/login", {"token": locked_hub.tokens.get(token, token), "next": "/cache"},
                 X_Forwarded_For=f"192.0.2.{len(token)}")  # fmt: skip
    assert (reply.status, reply.headers["location"]) == (303, f"/login?failed={why}&next=%2Fcache")
    assert "set-cookie" not in reply.headers


def test_who_guesses_waits_and_the_others_do_not(locked_hub: Hub) -> None:
    told = {
        form(locked_hub, "/login", {"token": "guess"}, X_Forwarded_For="192.0.2.99").headers["location"]
        for _ in range(12)
    }
    assert told == {"/login?failed=unknown&next=%2F", "/login?failed=wait&next=%2F"}
    assert signed_in(locked_hub, "admin")


def test_another_site_signs_nobody_in(locked_hub: Hub) -> None:
    reply = form(locked_hub, "/login", {"token": locked_hub.tokens["viewer"]}, Origin="http://evil.example")
    assert reply.status == 403 and "another site" in reply.error


def test_a_session_changes_things_only_from_our_pages(locked_hub: Hub) -> None:
    cookie = signed_in(locked_hub, "admin").split("; ")[0]
    assert locked_hub.ask("POST", "/api/backup", Cookie=cookie).status == 403
    assert form(locked_hub, "/logout", {}, Cookie=cookie).status == 403
    assert locked_hub.get("/api/tokens", Cookie=cookie).status == 200


def test_signing_out_takes_the_cookie_away(locked_hub: Hub) -> None:
    assert form(locked_hub, "/logout", {}).headers["location"] == "/login"  # nobody was signed in
    page = locked_hub.get(
        "/agents", Cookie=(cookie := signed_in(locked_hub, "viewer").split("; ")[0]), Accept="text/html"
    )
    token = page.body.decode().partition('name="form_token" value="')[2].partition('"')[0]
    reply = form(locked_hub, "/logout", {"form_token": token}, Cookie=cookie)
    assert (reply.status, reply.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in reply.headers["set-cookie"]
