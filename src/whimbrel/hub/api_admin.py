"""What an administrator changes through the API: tokens, and backups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from whimbrel.base.errors import UsageError
from whimbrel.hub import tokens
from whimbrel.hub.answers.shapes import Answer
from whimbrel.hub.api import Body, Route
from whimbrel.hub.archive import ArchiveError
from whimbrel.hub.parameters import Given, Parameter, text
from whimbrel.hub.refusal import Refusal, later
from whimbrel.hub.service import RETRY_S, Service

BACKUPS_NAME = "backups"  # in the data directory
BACKUPS_MOST = 16  # files there: each is as large as the archive
REQUEST_BYTES_MOST = 4096  # of JSON with two words


class TokenLine(Answer, frozen=True):
    name: str
    role: str


class TokenList(Answer, frozen=True):
    locked: bool  # False: there are none, and whoever reaches the hub may do everything
    tokens: list[TokenLine]


class TokenMade(Answer, frozen=True):
    name: str
    role: str
    token: str  # shown once


class BackupMade(Answer, frozen=True):
    file: str  # in `backups` in the data directory
    bytes: int


class TokenWanted(Answer, frozen=True, forbid_unknown_fields=True):
    name: str
    role: str


async def list_tokens(service: Service, _given: Given) -> TokenList:
    grants = service.access.grants()
    return TokenList(
        locked=not service.access.is_open, tokens=[TokenLine(name=grant.name, role=grant.role) for grant in grants]
    )


async def make_token(service: Service, given: Given) -> TokenMade:
    try:
        wanted = msgspec.json.decode(given.body, type=TokenWanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"the body is not a name and a role in JSON: {error}") from None
    return await add_token(service, wanted.name, wanted.role)


async def add_token(service: Service, name: str, role: str) -> TokenMade:
    """Refusal 400: not this name or role, or it has one; 409: the first must let somebody in who can make others."""
    if service.access.is_open and role != "admin":
        raise Refusal(409, "the first token locks the hub: make one with the role admin first")
    token = await in_file(service, lambda: tokens.add(service.access.path, name, role))
    return TokenMade(name=name, role=role, token=token)


async def drop_token(service: Service, given: Given) -> None:
    await remove_token(service, given["name"])


async def remove_token(service: Service, name: str) -> None:
    if all(grant.name != name for grant in service.access.grants()):
        raise Refusal(404, f"{name!r} has no token")
    await in_file(service, lambda: tokens.remove(service.access.path, name))


async def in_file(service: Service, change: Any) -> Any:
    try:
        return await service.in_thread(change)
    except UsageError as error:
        raise Refusal(400, str(error)) from None


async def make_backup(service: Service, _given: Given) -> BackupMade:
    """One moment's archive as a file, while everything goes on; one at a time."""
    if service.backing_up.locked():
        raise later(503, "a backup is being made", RETRY_S)
    async with service.backing_up:
        return await service.in_thread(lambda: back_up(service))


def back_up(service: Service) -> BackupMade:
    directory = service.data / BACKUPS_NAME
    target = directory / f"archive-{datetime.fromtimestamp(service.clock(), UTC):%Y%m%dT%H%M%SZ}.duckdb"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        if len(list(directory.iterdir())) >= BACKUPS_MOST:
            raise Refusal(409, f"{directory} holds {BACKUPS_MOST} files: take some away first")
        service.archive.backup(target)
        return BackupMade(file=target.name, bytes=target.stat().st_size)
    except ArchiveError as error:
        raise later(503, str(error), RETRY_S) from None
    except OSError as error:
        raise Refusal(503, f"the backup could not be written: {error.strerror}") from None


NAME = Parameter("name", text(64, least=1), "Whose token.", place="path", required=True)
NEW_TOKEN = Body(
    ("application/json",),
    REQUEST_BYTES_MOST,
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": f"^{tokens.NAME.pattern}$"},
            "role": {"type": "string", "enum": list(tokens.RIGHTS)},
        },
        "required": ["name", "role"],
        "additionalProperties": False,
    },
)

ROUTES: tuple[Route, ...] = (
    Route("GET", "/tokens", "change", "Who has a token, with which role.", TokenList, list_tokens),
    Route("POST", "/tokens", "change", "Give somebody a token. The first one locks the hub.",
          TokenMade, make_token, body=NEW_TOKEN, status=201),
    Route("DELETE", "/tokens/{name}", "change", "Take somebody's token away.", None, drop_token, (NAME,), status=204),
    Route("POST", "/backup", "change", "Write a backup into `backups` in the data directory.",
          BackupMade, make_backup, status=201),
)  # fmt: skip
