"""Who asks, and whether they may.

    Authorization: Bearer TOKEN      an agent, a script               -> the token's grant
    Cookie                           a browser that signed in         -> the session's grant
    neither, and no token file       this machine only: may do all    -> `open`

Idea: whatever a request is, it becomes a Visitor with rights, or a Refusal with one line.  What changes something
must come from our own pages when a browser sends it: a browser says where a request comes from (Sec-Fetch-Site,
Origin), and a session's forms carry a token besides.  A request with a bearer token needs neither: no browser adds
that header by itself.

Without tokens the lock is the address: loopback.  Then the Host header must be this machine's too, so that a name
that was made to point here (DNS rebinding) is refused, and nothing that came through a proxy is taken for local.
The first token that is made locks the hub while it runs; it never opens again by itself.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from starlette.requests import Request

from whimbrel.base.errors import UsageError
from whimbrel.hub.refusal import Refusal
from whimbrel.hub.sessions import Sessions
from whimbrel.hub.tokens import RIGHTS, Grant, Right, Role, Tokens

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_FIELD, FORM_HEADER = "form_token", "x-form-token"
PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
OWN_SITES = ("same-origin", "none")  # none: typed in, a bookmark


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who was let in."""

    name: str  # of the grant; empty where nobody is asked
    role: Role
    way: Literal["open", "token", "session"]
    form_token: str = ""  # for a hidden field named FORM_FIELD in every form that changes something

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]


class Access:
    """Tells visitors by the token file as it is now."""

    def __init__(
        self,
        tokens: Path,
        needed: bool,
        sessions: Sessions,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`needed`: nobody is let in without a token, even before there is one."""
        self.path, self.sessions, self.tell, self.clock = tokens, sessions, tell, clock
        self.tokens: Tokens | None = Tokens(tokens, tell) if needed else None
        self.trouble = ""

    # ---- who

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for a token; looks whether there is a token file by now."""
        if self.tokens is None:
            self._look()
        return self.tokens is None and not self.trouble

    def _look(self) -> None:
        """Files that cannot be seen or read lock too: somebody meant to."""
        try:
            self.path.lstat()
            self.tokens, self.trouble = Tokens(self.path, self.tell), ""
            self.tell(f"token file {str(self.path)!r} is there: from now on everybody needs a token")
        except FileNotFoundError:
            pass
        except (OSError, UsageError) as error:
            if not self.trouble:
                self.tell(f"{error}: nobody is let in")
            self.trouble = str(error)

    def grants(self) -> tuple[Grant, ...]:
        if self.is_open or self.tokens is None:
            return ()
        self.tokens.refresh()
        return self.tokens.grants

    def visitor(self, request: Request) -> Visitor | None:
        """Who it is, or nobody that is known."""
        if self.is_open:
            check_local(request)
            return Visitor("", "admin", "open")
        if (token := bearer(request)) is not None:
            grant = self.tokens.find(token) if self.tokens else None
            return Visitor(grant.name, grant.role, "token") if grant else None
        value = request.cookies.get(self.sessions.cookie, "")
        grant = self.sessions.find(self.grants(), value, self.clock()) if value else None
        return Visitor(grant.name, grant.role, "session", self.sessions.form_token(value)) if grant else None

    # ---- whether

    def require(self, request: Request, right: Right) -> Visitor:
        """Whoever may; Refusal 401 or 403.  Asking for `change` where the method is unsafe needs `prove` too."""
        visitor = self.visitor(request)
        if visitor is None:
            shown = "this token is not known" if "authorization" in request.headers else "a token is needed"
            raise Refusal(401, shown, {"WWW-Authenticate": "Bearer"})
        if not visitor.may(right):
            allowed = " or ".join(role for role, rights in RIGHTS.items() if right in rights)
            raise Refusal(403, f"the role {visitor.role} may not {right}: expected a token with the role {allowed}")
        if request.method not in SAFE_METHODS and visitor.way != "token":
            check_origin(request)
        return visitor

    def prove(self, request: Request, visitor: Visitor, form_token: str = "") -> None:
        """That a request which changes something comes from a page of ours; Refusal 403."""
        if visitor.way == "session":
            value = request.cookies.get(self.sessions.cookie, "")
            given = form_token or request.headers.get(FORM_HEADER, "")
            if not self.sessions.is_form_token(value, given):
                raise Refusal(403, f"the form is of another session: load the page again ({FORM_FIELD})")


def bearer(request: Request) -> str | None:
    """The token of an Authorization header; another scheme's credentials are an unknown token."""
    given = request.headers.get("authorization")
    if given is None:
        return None
    scheme, _, token = given.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def host_of(request: Request) -> str:
    """The Host header without its port, in lower case."""
    try:
        return (urlsplit("//" + request.headers.get("host", "")).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_local(request: Request) -> None:
    """Where nobody is asked for a token, a request is from and for this machine."""
    if not is_local(host_of(request)):
        raise Refusal(403, "without tokens only this machine is served: open it as 127.0.0.1, or make a token first")
    if any(name in request.headers for name in PROXY_HEADERS):
        raise Refusal(403, "this came through a proxy, and there are no tokens: make one first (whimbrel hub token)")


def check_origin(request: Request) -> None:
    """A browser says which site a request is from: ours.  What is no browser says nothing."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in OWN_SITES:
        raise Refusal(403, "this request was sent by a page of another site")
    if origin is not None and not is_own(origin, request):
        raise Refusal(403, "this request was sent by a page of another site")


def is_own(origin: str, request: Request) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower() != ""
    except ValueError:
        return False
