"""Installing, repairing and removing the backend: the steps, each of which is skipped when it is done already.

Blender's own Python is at most what the environment is built on. Everything is written below one folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import parse_json, read_text
from emodifftalk.core.whole_file import whole_file

from . import environment, packages
from .builds import constraints, python_range
from .home import Home, Record, claim, delete, read_record, remove, write_record
from .lock import locked
from .order import Order
from .pip import Pip
from .pip_output import explain
from .pythons import find_base
from .work import CommandFailed, Work

_LONGEST_WINDOWS_PATH = 259
_LONGEST_INSIDE = 150
"""Letters of the longest path below the folder: torch's is 119, `env\\Lib\\site-packages` comes before it."""


def install(order: Order) -> Work:
    """Work that installs or goes on installing; not started yet."""
    return Work("install", lambda work: _install(work, order, repair=False), order.home.log)


def repair(order: Order) -> Work:
    """Work that checks every file, fetches again what is damaged, and mends an environment that lost its Python."""
    return Work("repair", lambda work: _install(work, order, repair=True), order.home.log)


def uninstall(home: Home) -> Work:
    """Work that removes everything that was installed and nothing else."""

    def job(work: Work) -> str:
        if read_record(home) is not None:  # a lock is put into a folder of ours only
            with locked(home.lock):
                pass  # nobody installs into it at the moment; on Windows a lock that is held cannot be removed
        left = remove(home, work.say)
        return f"The backend is removed; {', '.join(left)} in its folder was left alone." if left else "It is removed."

    return Work("uninstall", job)


def missing_room(order: Order) -> str:
    """Why the disk is too small for what is still to be fetched, one sentence; empty when it is not."""
    folder = next(path for path in (order.home.root, *order.home.root.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if order.home.packages() is not None or free >= order.build.room:
        return ""  # what is half there is not counted: pip says when what is missing does not fit
    return (
        f"Installing needs {order.build.room / 1e9:.0f} GB and {folder} has {free / 1e9:.1f} GB free: make room, or "
        "choose a Backend Folder on another disk in the add-on's preferences."
    )


def _install(work: Work, order: Order, repair: bool) -> str:
    began = time.monotonic()
    home = order.home
    _check_path_length(home)
    record = claim(home)
    with locked(home.lock) as keep_open:
        _start_log(work, order)
        if reason := missing_room(order):
            raise UserError(reason)
        if record.choice not in ("", order.build.choice):
            work.say("Removing the other build")  # pip would take it for good enough, or leave gigabytes of it behind
            record.finished = False
            write_record(home, record)
            delete(home.env)
        fresh = (record.choice, record.fingerprint) != (order.build.choice, order.source.fingerprint)
        record.finished, record.note = False, ""
        record.choice, record.version = order.build.choice, order.source.version
        record.fingerprint = order.source.fingerprint
        record.steps = {} if repair or fresh else record.steps
        write_record(home, record)
        _make_room_for_downloads(home)
        note = _steps(work, order, record, repair, keep_open)
        for folder in (home.cache, home.temporary):
            delete(folder)
        record.finished, record.note = True, note
        write_record(home, record)
    return f"The backend is ready ({time.monotonic() - began:.0f} s). {note}".strip()


def _make_room_for_downloads(home: Home) -> None:
    home.cache.mkdir(exist_ok=True)
    if home.temporary.is_dir():
        packages.keep_wheels(home.temporary, home.cache)
    packages.drop_broken_wheels(home.cache)
    delete(home.temporary)
    home.temporary.mkdir()


def _steps(work: Work, order: Order, record: Record, repair: bool, keep_open: tuple[int, ...]) -> str:
    home, pip = order.home, Pip(work, order, keep_open)
    _clear_damage(work, home, thorough=repair)
    work.say("Looking for a Python to build on", 0.02)
    base = find_base(order.own_python, *python_range())
    work.write(f"Building on {base.named}")
    pip.plainly(lambda run: environment.make(work, home, base, run, order.wheelhouse, order.source.lock("pip")))
    record.python = ".".join(map(str, base.version))
    pip.update()

    def step(name: str, wanted: str, act: Callable[[], None]) -> None:
        stamp = hashlib.sha256(f"{record.python} {wanted}".encode()).hexdigest()
        if record.steps.get(name) != stamp:
            act()
            record.steps[name] = stamp
            write_record(home, record)

    with whole_file(home.constraints) as file:
        file.write(constraints(order.build, order.source).encode())
    # Whatever decides which files are installed: a change of it installs them anew.
    source, torch = order.source, order.source.lock_of_torch(order.build)
    locks = [source.lock("pypi"), source.lock("without-torch"), *([torch] if torch else [])]
    pins = "".join(map(read_text, (source.requirements, home.constraints, *locks)))
    bare = read_text(source.bare_requirements) + read_text(source.lock("weights"))
    step("packages", pins, lambda: pip.packages(0.05, 0.88))
    step("weights", bare, lambda: pip.bare_packages(0.88, 0.92))
    step("backend", record.fingerprint, lambda: pip.backend(0.92, 0.94))
    return _check(work, order, pip)


def _clear_damage(work: Work, home: Home, thorough: bool) -> None:
    """Let pip install again what a kill, a full disk or a scanner has damaged."""
    folder = home.packages()
    if folder is None:
        return
    damage = packages.damaged(folder, thorough, lambda part: work.say("Checking every file", 0.02 * part))
    for info, files in damage.items():
        work.write(f"{info.name}: {len(files)} files missing or damaged, for example {files[0]}; installing it again")
    if any(info.name.startswith("pip-") for info in damage):
        work.write("pip itself is damaged: making the environment anew")
        delete(home.env)
    else:
        packages.forget(damage)


def _check(work: Work, order: Order, pip: Pip) -> str:
    """Everything is there and loads. Returns what is worth knowing. Raises UserError."""
    home = order.home
    work.say("Checking the installation", 0.95)
    bad = packages.damaged(home.packages(), thorough=False)
    if bad:
        names = ", ".join(info.name.partition("-")[0] for info in list(bad)[:3])
        packages.forget(bad)
        raise UserError(f"Files of {names} are missing after the installation (a full disk, a scanner): press Repair.")
    try:
        said = pip.probe(order.source.modules)
    except CommandFailed as error:
        raise UserError(f"The backend is installed and does not load. {explain(error.output, error.code)}") from error
    answer = parse_json(said.splitlines()[-1])
    if order.build.choice == "cuda" and order.source.modules and not answer["cuda"]:
        return "PyTorch cannot use the NVIDIA card (no card, or its driver is too old): it works on the processor."
    return ""


def _start_log(work: Work, order: Order) -> None:
    order.home.log.unlink(missing_ok=True)
    work.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  EmoDiffTalk {order.source.version}, {order.build.named}")
    work.write(f"into {order.home.root}")


def _check_path_length(home: Home) -> None:
    """Windows without long paths stops in the middle of torch. Raises UserError before anything is fetched."""
    if os.name == "nt" and len(str(home.root)) + _LONGEST_INSIDE > _LONGEST_WINDOWS_PATH and not _long_paths():
        raise UserError(
            f"{home.root} is too long a path for Windows: choose a short Backend Folder, such as C:\\EmoDiffTalk, in "
            "the add-on's preferences."
        )


def _long_paths() -> bool:
    if sys.platform != "win32":
        return True
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except OSError:
        return False
