"""`whimbrel up`: serve, watch and hub on this machine as one process tree, with one log and one end.

    options -> data directory -> ports -> log -> rights -> the agent's token -> guard -> parts -> loop

Idea: it starts the programs as people would and adds nothing to them: no program knows of `up`.
Deliberately not: an init system.  For longer than a look, a program is a unit of its own.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from whimbrel.base.errors import UsageError, WhimbrelError
from whimbrel.base.options import load
from whimbrel.capture.privilege import capture_rights
from whimbrel.up.data import Data, give_token, open_data
from whimbrel.up.guard import Guard
from whimbrel.up.log import Log
from whimbrel.up.network import Network
from whimbrel.up.options import ROWS, UpOptions
from whimbrel.up.parts import STYLES, Places, parts
from whimbrel.up.supervisor import STOP_SIGNALS, Supervisor

DEMO_PACKAGES = ("httpx", "pymemcache", "redis", "starlette", "uvicorn")
INTERRUPTED = 130  # the exit code where a signal came before anything was started


def main(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """Until SIGINT or SIGTERM; the exit code.  UsageError and HelpRequested are the caller's to print."""
    environ = os.environ if environ is None else environ
    options = UpOptions.of(load("up", ROWS, argv, environ))
    check_packages(options)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what has been made until the loop goes as it came
    try:
        with ExitStack() as opened:
            data = open_data(options.data, opened)
            places = Places.held(options, opened)
            log = Log(sys.stdout.fileno(), STYLES, environ)
            give_token(data, environ)
            return Up(options, places, data, log, environ).run(opened)
    except KeyboardInterrupt:
        return INTERRUPTED


def check_packages(options: UpOptions) -> None:
    """Of the demo; every other program says itself what it lacks."""
    lacking = [name for name in DEMO_PACKAGES if options.demo and importlib.util.find_spec(name) is None]
    if lacking:
        raise UsageError(f"--demo needs the package {', '.join(lacking)}: pip install 'whimbrel[demo]'")


def guarded() -> Guard:
    try:
        return Guard()
    except OSError as error:  # no memory, an interpreter that this user may not run
        raise WhimbrelError(f"{sys.executable} cannot be started: {error.strerror}") from None


class Up:
    """One run."""

    def __init__(self, options: UpOptions, places: Places, data: Data, log: Log, environ: Mapping[str, str]) -> None:
        self.options, self.places, self.data, self.log, self.environ = options, places, data, log, environ
        self.blind = capture_rights()
        self.locked = data.locked

    def run(self, opened: ExitStack) -> int:
        for line in self.places.moved(self.options):
            self.log.say(line)
        if self.data.temporary:
            self.log.say(f"data of this run is in {self.data.path}, and goes with it")
        guard = opened.enter_context(guarded())
        network = self.own_network(guard, opened) if self.blind else None
        watches = self.blind is None or network is not None
        rows = parts(self.options, self.places, self.data, watches=watches, network=network)
        code = Supervisor(rows, self.log, guard, self.environ, self.announce, self.look).run()
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # all has ended; what is left is to tidy up
        return code

    def own_network(self, guard: Guard, opened: ExitStack) -> Network | None:
        """Where the demo can be watched without the right to capture; else nothing is, and the rest goes on."""
        if self.options.demo and not self.options.interfaces and os.geteuid() != 0:
            try:
                network = opened.enter_context(Network(guard.group))
            except OSError as error:
                self.log.say(f"no network of its own for the demo: {error}")
            else:
                self.log.say(f"this machine's traffic is not watched: {self.blind}")
                self.log.say("the demo runs in a network of its own, where it is")
                return network
        self.log.say(f"no traffic is watched: {self.blind}")
        self.log.say("`whimbrel doctor watch` prints the line for this machine")
        return None

    def announce(self) -> None:
        """Everything runs."""
        self.log.say(f"memcached and Redis clients: {self.places.cache}")
        if self.places.api:
            self.log.say(f"the demo's API: http://{self.places.api}/")
        self.log.say(f"open {self.places.page}")
        if self.options.open:
            self.open_page()

    def open_page(self) -> None:
        """In a process that is not a part: it stays when all ends."""
        opener = shutil.which("xdg-open")
        if opener is None or not (self.environ.get("DISPLAY") or self.environ.get("WAYLAND_DISPLAY")):
            self.log.say("--open: there is no desktop here; open the address yourself")
            return
        quiet = subprocess.DEVNULL
        subprocess.Popen([opener, self.places.page], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)

    def look(self, supervisor: Supervisor) -> None:
        """Whether somebody has locked the hub meanwhile: then the agent needs a token that counts."""
        if self.locked or not self.data.locked:
            return
        self.locked = True
        try:
            give_token(self.data, self.environ)
        except WhimbrelError as error:
            self.log.say(str(error))
            return
        self.log.say("the hub asks for tokens now: the agent has its own, and starts again with it")
        supervisor.restart("watch")
