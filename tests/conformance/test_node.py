"""ioredis and node-redis, unmodified: connect, set, get, expire, pipeline.

They are installed once, into a cache directory of the user's, by npm; without npm, node or the network the tests
are skipped and say why.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from .servers import Server

pytestmark = [pytest.mark.clients, pytest.mark.slow]

PACKAGES = ("ioredis@5", "redis@5")
INSTALL_SECONDS = 90
RUN_SECONDS = 30

IOREDIS = """
const Redis = require("ioredis");
const client = new Redis({host: process.argv[1], port: Number(process.argv[2]), maxRetriesPerRequest: 1});
(async () => {
  const out = {};
  out.set = await client.set("node", "välue", "EX", 100);
  out.get = await client.get("node");
  out.missing = await client.get("missing");
  out.ttl = await client.ttl("node");
  out.pipeline = await client.pipeline().incr("n").incr("n").get("n").exec();
  out.multi = await client.multi().set("m", "1").get("m").exec();
  out.many = await client.mget("node", "missing", "n");
  const keys = [];
  for await (const some of client.scanStream({match: "no*"})) keys.push(...some);
  out.keys = keys;
  console.log(JSON.stringify(out));
  await client.quit();
})().catch((error) => { console.error(error); process.exit(1); });
"""

NODE_REDIS = """
const { createClient } = require("redis");
const client = createClient({RESP: Number(process.argv[3]),
  socket: {host: process.argv[1], port: Number(process.argv[2]), reconnectStrategy: false}});
client.on("error", (error) => { console.error(error); process.exit(1); });
(async () => {
  await client.connect();
  const out = {};
  out.set = await client.set("node", "välue", {EX: 100});
  out.get = await client.get("node");
  out.missing = await client.get("missing");
  out.ttl = await client.ttl("node");
  out.pipeline = await Promise.all([client.incr("n"), client.incr("n"), client.get("n")]);
  out.multi = await client.multi().set("m", "1").get("m").exec();
  out.many = await client.mGet(["node", "missing", "n"]);
  const keys = [];
  for await (const some of client.scanIterator({MATCH: "no*"})) keys.push(...[some].flat());
  out.keys = keys;
  console.log(JSON.stringify(out));
  await client.close();
})().catch((error) => { console.error(error); process.exit(1); });
"""


@pytest.fixture(scope="session")
def modules() -> Path:
    """A directory whose node_modules holds both clients."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("npm and node are not installed")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = base / "whimbrel-test-node"
    if not all((directory / "node_modules" / name.partition("@")[0]).is_dir() for name in PACKAGES):
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            directory = Path(tempfile.mkdtemp(prefix="whimbrel-test-node-"))
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(directory), *PACKAGES]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not install the clients within {INSTALL_SECONDS} s")
        if done.returncode:
            pytest.skip(f"npm could not install the clients: {done.stderr.strip()[-300:]}")
    return directory


def run(modules: Path, program: str, server: Server, *arguments: str) -> dict[str, object]:
    command = ["node", "-e", program, server.host, str(server.port), *arguments]
    done = subprocess.run(command, cwd=modules, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_ioredis(redis_server: Server, modules: Path) -> None:
    assert run(modules, IOREDIS, redis_server) == {
        "set": "OK",
        "get": "välue",
        "missing": None,
        "ttl": 100,
        "pipeline": [[None, 1], [None, 2], [None, "2"]],
        "multi": [[None, "OK"], [None, "1"]],
        "many": ["välue", None, "2"],
        "keys": ["node"],
    }


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_node_redis(redis_server: Server, modules: Path, protocol: str) -> None:
    assert run(modules, NODE_REDIS, redis_server, protocol) == {
        "set": "OK",
        "get": "välue",
        "missing": None,
        "ttl": 100,
        "pipeline": [1, 2, "2"],
        "multi": ["OK", "1"],
        "many": ["välue", None, "2"],
        "keys": ["node"],
    }
