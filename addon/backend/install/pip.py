"""The environment's pip: run so that it asks nothing, writes nowhere else and says how far it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from emodifftalk.core.errors import UserError

from . import environment, packages
from .builds import table
from .home import delete
from .order import Order
from .pip_output import PipProgress, explain
from .pythons import clean_environment
from .work import CommandFailed, Work

_RAW_PROGRESS = (24, 1)
"""The first pip that says its progress in a form made for programs."""

_PROBE = """
import importlib, json, sys
for name in sys.argv[1:]:
    print("Loading " + name, flush=True)
    importlib.import_module(name)
torch = sys.modules.get("torch")
print(json.dumps({"cuda": bool(torch and torch.cuda.is_available())}), flush=True)
"""


_BINARY = ["--only-binary", ":all:"]


def _locked(lock: Path) -> list[str]:
    """What a lock lists and nothing else, every file checked by its hash. Raises UserError when it is missing."""
    if not lock.is_file():
        raise UserError(f"The extension is incomplete (locks/{lock.name} is missing): install its .zip again.")
    return ["--no-deps", "--require-hashes", *_BINARY, "-r", str(lock)]


def only_from(index: str, empty: Path) -> dict[str, str]:
    """Settings that keep pip to one index, whatever the person's own name beside it. empty: a folder of no wheels.

    A setting that is left empty is one pip finds elsewhere: in its files, where it cannot be taken back.
    """
    return {"PIP_INDEX_URL": index, "PIP_EXTRA_INDEX_URL": index, "PIP_FIND_LINKS": str(empty)}


class Pip:
    """The environment's pip, run so that it asks nothing, writes nowhere else and says how far it is."""

    def __init__(self, work: Work, order: Order, keep_open: tuple[int, ...]) -> None:
        self._work, self._order, self._keep_open = work, order, keep_open
        self._version: tuple[int, ...] = (0, 0)
        self._environment = _environment(order)

    def run(self, command: list[str]) -> str:
        """Run a command in the right surroundings. Raises CommandFailed or Cancelled."""
        return self._work.command(command, self._environment, keep_open=self._keep_open)

    def plainly(self, act: Callable[[environment.Run], None]) -> None:
        """Do something with commands; a failure nobody has explained becomes a sentence. Raises UserError."""
        try:
            act(self.run)
        except CommandFailed as error:
            raise UserError(explain(error.output, error.code)) from error

    def update(self) -> None:
        """Bring pip itself up to date; an old one works too, only its progress is coarser."""
        self._ask_version()
        wanted = tuple(int(part) for part in table()["pip"].split("."))
        house = self._order.wheelhouse
        if self._version >= wanted[:2] or (house and not list(house.glob("pip-*.whl"))):
            return
        self._work.say("Updating pip", 0.02)
        try:
            wanted_pip = [f"pip>={table()['pip']}"] if house else _locked(self._order.source.lock("pip"))
            self.run([*self._pip(), "install", *self._from(), "--upgrade", "--retries", "1", *wanted_pip])
        except CommandFailed:
            self._work.write("pip could not be updated; going on with the one there is")
        self._ask_version()

    def packages(self, start: float, end: float) -> None:
        """The requirements, in the chosen build. start, end: the part of the whole work that this is, 0..1."""
        source, build = self._order.source, self._order.build
        if self._order.wheelhouse:  # whoever fills such a folder answers for it
            self._install([*_BINARY, "-r", str(source.requirements)], build.download, start, end)
        elif not build.index:
            self._install(_locked(source.lock("pypi")), build.download, start, end)
        else:
            # One index for each package, never two for one: another of the same name would do to be installed.
            middle = start + (end - start) * (1 - build.torch / build.download)
            self._install(_locked(source.lock("without-torch")), build.download - build.torch, start, middle)
            self._install(self._torch(), build.torch, middle, end, only_from(build.index, self._order.home.temporary))

    def _torch(self) -> list[str]:
        source, build = self._order.source, self._order.build
        from_there = ["--index-url", build.index]
        lock = source.lock_of_torch(build)
        if lock is not None:
            return [*from_there, *_locked(lock)]
        self._work.write(source.unchecked(build))
        return [*from_there, "--no-deps", *_BINARY, "-r", str(self._order.home.constraints)]

    def bare_packages(self, start: float, end: float) -> None:
        """The packages that are wanted without their dependencies."""
        source = self._order.source
        bare = ["--no-deps", *_BINARY, "-r", str(source.bare_requirements)]
        self._install(bare if self._order.wheelhouse else _locked(source.lock("weights")), 84e6, start, end)

    def backend(self, start: float, end: float) -> None:
        """The backend itself, always anew: its version may be the same while its contents are not."""
        package = self._order.source.package
        if package.is_dir():  # a checkout: built from a copy, so that nothing is written into it
            copy = self._order.home.temporary / "backend"
            delete(copy)
            hidden = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
            package = Path(shutil.copytree(package, copy, ignore=hidden))
        self._install(["--no-deps", "--force-reinstall", str(package)], 2e7, start, end)

    def probe(self, modules: tuple[str, ...]) -> str:
        """Import these modules; the last line of the answer is JSON. Raises CommandFailed or Cancelled."""
        return self.run([*self._python(), "-c", _PROBE, *modules])

    def _install(
        self, arguments: list[str], expected: float, start: float, end: float, more: dict[str, str] | None = None
    ) -> None:
        """more: settings of pip's for this once."""
        progress, work = PipProgress(expected), self._work

        def show() -> None:
            work.text = progress.text or work.text
            work.fraction = max(work.fraction, start + (end - start) * progress.fraction)

        def heard(line: str) -> bool:
            dull = progress.feed(line)
            show()
            return dull

        def idle() -> None:
            packages.keep_wheels(self._order.home.temporary, self._order.home.cache)
            progress.installed(packages.present(self._order.home.packages()))
            show()

        bar = "raw" if self._version >= _RAW_PROGRESS else "off"
        command = [*self._pip(), "install", "--progress-bar", bar, *arguments, *self._from()]
        work.say("Asking the package index", start)
        try:
            work.command(command, self._environment | (more or {}), heard, idle, self._keep_open)
        except CommandFailed as error:
            if "not match the hashes" in error.output.lower():
                delete(self._order.home.cache)  # else it would be taken from there again
                self._order.home.cache.mkdir(exist_ok=True)
            raise UserError(explain(error.output, error.code)) from error

    def _pip(self) -> list[str]:
        return [*self._python(), "-m", "pip", "--no-input", "--disable-pip-version-check"]

    def _python(self) -> list[str]:
        return [str(self._order.home.python), "-I", "-u", "-X", "utf8"]

    def _from(self) -> list[str]:
        house = self._order.wheelhouse
        if house:
            return ["--no-index", "--find-links", str(house)]
        return packages.index_of(self._order.home.cache)  # what an earlier attempt has fetched

    def _ask_version(self) -> None:
        try:
            words = self.run([*self._pip(), "--version"]).split()
            self._version = tuple(int(part) for part in words[1].split(".")[:2])
        except (CommandFailed, IndexError, ValueError):
            raise UserError("The environment's pip does not run: press Repair.") from None


def _environment(order: Order) -> dict[str, str]:
    """For pip: everything it writes stays below the folder, nothing is asked, other settings of the person hold."""
    own = {
        "PIP_NO_CACHE_DIR": "1",
        "PIP_USER": "0",
        "PIP_NO_COLOR": "1",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "TMPDIR": str(order.home.temporary),
        "TEMP": str(order.home.temporary),
        "TMP": str(order.home.temporary),
    }
    if order.wheelhouse:
        own["PIP_CONFIG_FILE"] = os.devnull
    return clean_environment() | own
