"""Locks of the backend's packages: every one, those they need included, with its version and the hashes of its files.

    python -m tools.locks            makes backend/locks/*.txt anew; needs `uv` (pip install uv) and PyPI
    python -m tools.locks --pytorch  makes those of PyTorch's own builds too; needs download.pytorch.org

Each lock comes from one index alone, whatever this computer is set up to use. A build of PyTorch that has no lock of
its own is installed by its exact version, unchecked, and Install Backend says so.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ROOT / "backend"
LOCKS = BACKEND / "locks"
PYPI = "https://pypi.org/simple"
_TORCH = ("torch", "torchvision")
_NEEDED_BY_TORCH = ("filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy", "typing-extensions")
"""What PyTorch's builds for the processor need of PyPI."""
_PIP = "26.3"
_PLATFORMS = {("linux", "x86_64"): "x86_64-manylinux_2_28", ("linux", "aarch64"): "aarch64-manylinux_2_28",
              ("windows", "x86_64"): "x86_64-pc-windows-msvc"}  # fmt: skip
_HEAD = "# Made by `python -m tools.locks` from {index} alone. Not to be edited by hand.\n"


def main() -> int:
    """Make the locks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pytorch", action="store_true", help="also those of PyTorch's own index")
    options = parser.parse_args()
    uv = shutil.which("uv")
    if uv is None:
        print("There is no uv: pip install uv", file=sys.stderr)
        return 1
    requirements = (BACKEND / "requirements.txt").read_text(encoding="utf-8")
    others = "".join(line for line in requirements.splitlines(True) if line.partition("==")[0] not in _TORCH)
    never = "".join(f"{name} ; sys_platform == 'never'\n" for name in _TORCH)
    left_out = [option for name in _TORCH for option in ("--no-emit-package", name)]
    bare = (BACKEND / "requirements-nodeps.txt").read_text(encoding="utf-8")
    _compile(uv, "pypi", requirements, PYPI)
    _compile(uv, "without-torch", others + "\n".join(_NEEDED_BY_TORCH), PYPI, *left_out, overrides=never)
    _compile(uv, "weights", bare, PYPI, "--no-deps")
    _compile(uv, "pip", f"pip=={_PIP}", PYPI, "--no-deps")
    return _pytorch(uv, requirements) if options.pytorch else 0


def _pytorch(uv: str, requirements: str) -> int:
    pins = dict(line.strip().split("==") for line in requirements.splitlines() if line.startswith(_TORCH))
    builds = tomllib.loads((ROOT / "addon/backend/install/builds.toml").read_text(encoding="utf-8"))["build"]
    for build in builds:
        if "index" not in build:
            continue
        wanted = "".join(f"{name}=={pins[name]}{build['local']}\n" for name in _TORCH)
        system, processor = build["system"], build["processor"]
        platform = ("--no-deps", "--python-platform", _PLATFORMS[system, processor])
        _compile(uv, f"torch-{system}-{processor}-{build['choice']}", wanted, build["index"], *platform)
    return 0


def _compile(uv: str, name: str, wanted: str, index: str, *options: str, overrides: str = "") -> None:
    with tempfile.TemporaryDirectory() as folder:
        asked, replaced, lock = (Path(folder) / file for file in ("asked.in", "overrides.txt", "lock.txt"))
        asked.write_text(wanted, encoding="utf-8")
        replaced.write_text(overrides, encoding="utf-8")
        how = ["--universal"] if "--python-platform" not in options else []
        words = [
            uv,
            "pip",
            "compile",
            "--no-config",
            "--system-certs",
            "--default-index",
            index,
            *how,
            "--python-version",
            "3.11",
        ]
        words += ["--generate-hashes", "--only-binary", ":all:", "--no-annotate", "--no-header", "--quiet"]
        words += [*options, *(["--override", str(replaced)] if overrides else []), str(asked), "-o", str(lock)]
        # None of this computer's own settings but its certificates: no index of the house, no folder of wheels.
        own = {"PATH": "/usr/bin:/bin", "HOME": folder}
        own |= {name: os.environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ}
        subprocess.run(words, check=True, env=own, cwd=folder)
        LOCKS.mkdir(exist_ok=True)
        text = _HEAD.format(index=index) + lock.read_text(encoding="utf-8")
        (LOCKS / f"{name}.txt").write_text(text, encoding="utf-8")
    count = sum(line[:1].isalnum() for line in text.splitlines())
    print(f"backend/locks/{name}.txt: {count} packages, {text.count('--hash')} hashes")


if __name__ == "__main__":
    sys.exit(main())
