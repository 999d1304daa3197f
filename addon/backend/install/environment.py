"""Making the virtual environment, also where the Python at hand cannot put pip into it."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import parse_json, read_text
from emodifftalk.core.whole_file import whole_file

from .home import Home, delete
from .pythons import Base, ask
from .sizes import PYPI, fetch
from .work import CommandFailed, Work

_BUNDLED = ("/usr/share/python-wheels/pip-*.whl",)
"""Where Debian keeps the pip that its Pythons lack."""

Run = Callable[[list[str]], str]
"""Runs a command to its end and returns what it said; raises CommandFailed."""


def make(work: Work, home: Home, base: Base, run: Run, wheelhouse: Path | None, pip_lock: Path) -> None:
    """Make the environment, mend one that lost its Python, keep one that is whole. Raises UserError.

    pip_lock: the lock that names pip and its hash, should it have to be fetched.
    """
    there = ask(str(home.python))
    if there is not None and there.version == base.version:
        if not there.pip:
            _bring_pip(work, home, base, run, wheelhouse, pip_lock)
        return
    if _can_be_mended(home, base):
        work.write("The environment's Python is gone: putting a new one under the same packages")
        for link in home.env.glob("bin/python*"):
            delete(link)
    elif home.env.exists() or home.env.is_symlink():
        work.say("Removing what is left of an earlier environment")
        delete(home.env)
    _venv(work, home, base, run)
    if (made := ask(str(home.python))) is None:
        raise UserError(f"The environment made with {base.named} does not start: see the log.")
    if not made.pip:
        _bring_pip(work, home, base, run, wheelhouse, pip_lock)


def _can_be_mended(home: Home, base: Base) -> bool:
    packages = home.packages()
    return packages is not None and (packages.parent.name == "Lib" or packages.parent.name == _folder(base))


def _folder(base: Base) -> str:
    return f"python{base.version[0]}.{base.version[1]}"


def _venv(work: Work, home: Home, base: Base, run: Run) -> None:
    work.say("Making an environment")
    if base.ensurepip:
        try:
            run([str(base.path), "-I", "-m", "venv", str(home.env)])
            return
        except CommandFailed:
            work.write("This Python could not put pip into the environment; trying without")
            if not _can_be_mended(home, base):
                delete(home.env)
    try:
        run([str(base.path), "-I", "-m", "venv", "--without-pip", str(home.env)])
    except CommandFailed as error:
        raise UserError(
            f"{base.named} cannot make an environment: install Python from python.org (on Debian or Ubuntu: "
            "apt install python3-venv) and press the button again."
        ) from error


def _bring_pip(work: Work, home: Home, base: Base, run: Run, wheelhouse: Path | None, pip_lock: Path) -> None:
    """pip from a wheel at hand, from the base's own pip, or from the package index. Raises UserError."""
    work.say("Putting pip into the environment")
    patterns = [str(wheelhouse / "pip-*.whl")] if wheelhouse else []
    wheels = [wheel for pattern in (*patterns, *_BUNDLED) for wheel in sorted(glob.glob(pattern))]
    for wheel in wheels:
        if _from_wheel(home, run, wheel):
            return
    if base.pip and not wheelhouse:
        try:
            locked = ["--no-deps", "--require-hashes", "-r", str(pip_lock)]
            run([str(base.path), "-I", "-m", "pip", "--python", str(home.python), "install", *locked])
            return
        except CommandFailed:
            work.write("The base's pip could not do it either; fetching pip")
    if wheelhouse:
        raise UserError(f"{base.named} brings no pip: put pip's wheel into {wheelhouse}.")
    work.write(f"Fetching pip from {PYPI}")
    try:
        fetched = _fetch_pip(home.temporary, read_text(pip_lock))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{base.named} brings no pip, and it could not be fetched ({error}): check the network, or on Debian and "
            "Ubuntu apt install python3-venv, and press the button again."
        ) from error
    if not _from_wheel(home, run, str(fetched)):
        raise UserError("pip could not be put into the environment: see the log.")


def _from_wheel(home: Home, run: Run, wheel: str) -> bool:
    """A wheel of pip can install itself."""
    try:
        run([str(home.python), "-I", f"{wheel}/pip", "install", "--no-index", "--no-deps", wheel])
    except CommandFailed:
        return False
    return True


def _fetch_pip(folder: Path, lock: str) -> Path:
    """The wheel of pip that the lock names, its hash checked. Raises OSError or ValueError."""
    wanted = re.search(r"^pip==([\d.]+)", lock, re.MULTILINE)
    hashes = re.findall(r"sha256:([0-9a-f]{64})", lock)
    page, _ = fetch(f"{PYPI}/pip/", 20, accept="application/vnd.pypi.simple.v1+json")
    name = f"pip-{wanted[1] if wanted else ''}-py3-none-any.whl"
    url = next((file["url"] for file in parse_json(page)["files"] if file["filename"] == name), "")
    if not url:
        raise ValueError(f"the index has no {name}")
    data, _ = fetch(url, 60)
    if hashlib.sha256(data).hexdigest() not in hashes:
        raise ValueError("the download is not the file that this version was made with")
    path = folder / name
    with whole_file(path) as stream:
        stream.write(data)
    return path
