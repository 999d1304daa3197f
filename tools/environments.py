"""Virtual environments that hold exactly what their requirements say; what is missing is said in one sentence."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Debian and Ubuntu packages that hold the libraries Blender's module links to but does not bring.
SYSTEM_LIBRARIES = {
    "libXrender.so.1": "libxrender1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libX11.so.6": "libx11-6",
    "libgomp.so.1": "libgomp1",
}


class Missing(Exception):
    """One sentence: what is missing and what to do about it."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with Blender's module in it.

    version: of its Python.
    steps: what is said while pip installs, and pip's arguments.
    pinned: files that say what it holds; when one changes it is brought up to date.
    needed_gib: of disk.
    quiet: say nothing while pip works.
    """

    folder: Path
    version: tuple[int, int]
    steps: tuple[tuple[str, tuple[str, ...]], ...]
    pinned: tuple[Path, ...]
    needed_gib: float
    quiet: bool = False

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def stamp(self) -> Path:
        """Written when it is finished."""
        return self.folder / "emodifftalk-setup.txt"

    def fingerprint(self) -> str:
        """Changes whenever the environment would have to be made anew."""
        digest = hashlib.sha256(f"{self.version} {ROOT}".encode())
        for path in self.pinned:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def finished(self) -> bool:
        """Whether it holds what it should."""
        try:
            return self.stamp.read_text(encoding="utf-8") == self.fingerprint() and self.python.exists()
        except OSError:
            return False

    def set_up(self) -> None:
        """Make it hold exactly what the requirements say; nothing to do when it does. Raises Missing."""
        if self.finished():
            return
        interpreter = find_python(self.version)
        free = shutil.disk_usage(ROOT).free / 2**30
        if not self.python.exists() and free < self.needed_gib:
            raise Missing(
                f"the disk of {ROOT} has {free:.1f} GiB free and setting up needs {self.needed_gib:g}: make room first."
            )
        began = time.monotonic()
        self.make(interpreter)
        for what, arguments in self.steps:
            self.pip(what, *arguments)
        self.check_blender()
        self.stamp.write_text(self.fingerprint(), encoding="utf-8")
        if not self.quiet:
            print(f"Set up in {time.monotonic() - began:.0f} s: {self.folder}", flush=True)

    def make(self, interpreter: str) -> None:
        """Create it, or start over when an earlier attempt left half of one. Raises Missing."""
        if self.python.exists() and _runs(str(self.python), "-m", "pip", "--version"):
            return
        if self.folder.exists():
            shutil.rmtree(self.folder)
        answer = subprocess.run([interpreter, "-m", "venv", str(self.folder)], capture_output=True, text=True)
        if answer.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            lines = (answer.stdout + answer.stderr).strip().splitlines()
            package = "python{}.{}-venv".format(*self.version)
            hint = f"; on Debian or Ubuntu: apt install {package}" if "ensurepip" in answer.stdout else ""
            raise Missing(f"the environment could not be made ({lines[-1] if lines else 'no reason given'}){hint}.")
        self.pip("Updating pip", "--upgrade", "pip", "setuptools>=68", "wheel")

    def pip(self, what: str, *arguments: str) -> None:
        """Run pip install with a line of progress; its output is shown only when it fails. Raises Missing."""
        options = ("--disable-pip-version-check", "--progress-bar", "off")
        process = subprocess.Popen(
            [str(self.python), "-m", "pip", "install", *options, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
        reader.start()
        try:
            _wait(process, "" if self.quiet else what)
        except BaseException:
            process.kill()
            raise
        reader.join(5)
        if process.returncode:
            raise Missing(explain_pip("".join(lines), self.needed_gib))

    def check_blender(self) -> None:
        """Import bpy once, so that a missing system library is named now. Raises Missing."""
        answer = subprocess.run([str(self.python), "-c", "import bpy"], capture_output=True, text=True)
        if answer.returncode:
            raise Missing(explain_bpy(answer.stderr))


def _wait(process: subprocess.Popen, what: str) -> None:
    """Until a process has ended, with a line that counts seconds (on a terminal) or one every half minute."""
    began, said, terminal = time.monotonic(), -1.0, sys.stdout.isatty()
    while process.poll() is None:
        elapsed = time.monotonic() - began
        if what and (terminal or elapsed - said >= 30 or said < 0):
            end, start = ("", "\r") if terminal else ("\n", "")
            print(f"{start}{what} … {elapsed:4.0f} s", end=end, flush=True)
            said = elapsed
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
    if what and terminal:
        print()


def find_python(version: tuple[int, int]) -> str:
    """An interpreter of this version: this one, or another on the machine. Raises Missing."""
    if sys.version_info[:2] == version:
        return sys.executable
    name = ".".join(map(str, version))
    # pyenv puts a command for every version on the PATH, and lets it fail unless that version is chosen.
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{name}*/bin/python"))
    code = "import sys; print(sys.executable, sys.version_info[0], sys.version_info[1])"
    for command in ([f"python{name}"], ["py", f"-{name}"], *([str(path)] for path in pyenv)):
        if shutil.which(command[0]):
            answer = subprocess.run([*command, "-c", code], capture_output=True, text=True)
            words = answer.stdout.split()
            if answer.returncode == 0 and tuple(map(int, words[-2:])) == version:
                return " ".join(words[:-2])
    have = ".".join(map(str, sys.version_info[:2]))
    raise Missing(f"Python {name} is needed (Blender's own), this is {have}: install it from python.org.")


def _runs(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def explain_pip(output: str, needed_gib: float) -> str:
    """What pip's failure means, in one sentence."""
    low = output.lower()
    if "no space left" in low or "errno 28" in low:
        return f"the disk is full: free {needed_gib:g} GiB and run this again."
    signs = ("failed to establish a new connection", "name resolution", "network is unreachable", "connection refused")
    if any(sign in low for sign in (*signs, "read timed out", "max retries exceeded", "proxyerror")):
        return "the package index cannot be reached: check the network connection and run this again."
    lines = [line.strip() for line in output.splitlines() if line.strip().lower().startswith("error")]
    if "no matching distribution" in low:
        return f"a package is not available for this computer or not reachable ({lines[-1] if lines else 'pip'})."
    return f"pip failed: {lines[-1] if lines else output.strip()[-300:]}"


def explain_bpy(error: str) -> str:
    """Why Blender's module does not load, in one sentence."""
    for library, package in SYSTEM_LIBRARIES.items():
        if library in error:
            return f"Blender needs the system library {library}; on Debian or Ubuntu: apt install {package}"
    lines = error.strip().splitlines()
    return f"Blender's module does not load: {lines[-1] if lines else 'no reason given'}"
