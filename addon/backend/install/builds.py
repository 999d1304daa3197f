"""The builds of the backend there are (`builds.toml`), how pip gets one, and what it is installed from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from emodifftalk.core.errors import UserError

from .machine import Machine

_FILE = Path(__file__).with_name("builds.toml")
_HEADROOM = 1.15


@dataclass(frozen=True)
class Build:
    """One build for one kind of computer.

    system, processor: `linux`, `windows` or `macos`; `x86_64` or `aarch64`.
    choice: `cuda` or `cpu`.
    download, disk: bytes.
    torch: bytes of its wheel.
    measured: whether all of these were, or are estimates.
    index: beside PyPI, empty when there is none.
    local: how torch's version ends there.
    """

    system: str
    processor: str
    choice: str
    download: int
    disk: int
    torch: int
    measured: bool = True
    index: str = ""
    local: str = ""

    @property
    def room(self) -> int:
        """Bytes that must be free: what is downloaded is kept until the installation is finished."""
        return int((self.disk + self.download) * _HEADROOM)

    @property
    def named(self) -> str:
        """In a person's words."""
        return "NVIDIA card (CUDA)" if self.choice == "cuda" else "Processor (CPU)"


@dataclass(frozen=True)
class Source:
    """What the backend is installed from.

    folder: holds the requirements and the backend's wheel, or its sources.
    version: of the add-on.
    modules: imported at the end to see that it works.
    """

    folder: Path
    version: str
    modules: tuple[str, ...] = ()

    @property
    def requirements(self) -> Path:
        """The packages, with their dependencies."""
        return self.folder / "requirements.txt"

    @property
    def bare_requirements(self) -> Path:
        """Packages that are wanted without their dependencies."""
        return self.folder / "requirements-nodeps.txt"

    def lock(self, name: str) -> Path:
        """A lock (tools/locks.py): every package, those they need included, with its version and its files' hashes."""
        return self.folder / "locks" / f"{name}.txt"

    def lock_of_torch(self, build: Build) -> Path | None:
        """The lock of a build of PyTorch that has an index of its own; None where none was made."""
        path = self.lock(f"torch-{build.system}-{build.processor}-{build.choice}")
        return path if path.is_file() else None

    def unchecked(self, build: Build) -> str:
        """What of this build is installed without a look at its hash, one sentence; empty when nothing is."""
        if not build.index or self.lock_of_torch(build) is not None:
            return ""
        return (
            "Every package is checked by its hash but PyTorch: this build of it has no list of hashes yet and is taken "
            f"by its exact version from {build.index.split('/')[2]}."
        )

    @property
    def package(self) -> Path:
        """The backend itself: the wheel that the extension brings, or the sources of a checkout."""
        wheel = self.folder / f"emodifftalk-{self.version}-py3-none-any.whl"
        return wheel if wheel.is_file() else self.folder

    @property
    def fingerprint(self) -> str:
        """Changes when something else would be installed. Raises UserError when a part is missing."""
        try:
            locks = (self.lock(name) for name in ("pypi", "without-torch", "weights", "pip"))
            paths = (self.requirements, self.bare_requirements, self.package, *locks)
            stamps = [(path, path.stat()) for path in paths]
        except OSError as error:
            raise UserError(
                f"The extension is incomplete ({Path(error.filename).name} is missing): install its .zip again."
            ) from error
        return _fingerprint(self.version, tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stamps))

    def pinned(self, name: str) -> str:
        """The version of a package in the requirements, empty when it is not there."""
        for line in self.requirements.read_text(encoding="utf-8").splitlines():
            package, _, version = line.partition(";")[0].partition("==")
            if package.strip() == name:
                return version.strip()
        return ""


@cache
def _fingerprint(version: str, files: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256(version.encode())
    for path, _, _ in files:
        if path.suffix == ".whl":  # its list of files carries their hashes, and is a thousandth of it
            import zipfile

            with zipfile.ZipFile(path) as archive:
                record = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
                digest.update(archive.read(record))
        elif path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def table() -> dict:
    """What `builds.toml` says."""
    import tomllib

    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def python_range() -> tuple[tuple[int, int], tuple[int, int]]:
    """The oldest and the newest Python that all packages come for."""
    oldest, newest = (text.split(".") for text in table()["python"])
    return (int(oldest[0]), int(oldest[1])), (int(newest[0]), int(newest[1]))


def builds_for(machine: Machine) -> dict[str, Build]:
    """The builds for a machine by choice, `cuda` first. Raises UserError when there are none."""
    builds = {
        entry["choice"]: Build(**entry)
        for entry in table()["build"]
        if (entry["system"], entry["processor"]) == (machine.system, machine.processor)
    }
    if not builds:
        raise UserError(
            f"PyTorch, which the backend is built on, does not come for {machine.named}: make takes on another "
            "computer; they play, scrub and render here."
        )
    return builds


def constraints(build: Build, source: Source) -> str:
    """Lines for pip that ask for this build of torch and no other; empty where the plain version is the one."""
    if not build.local:
        return ""
    pins = ((name, source.pinned(name)) for name in table()["local_packages"])
    return "".join(f"{name}=={version}{build.local}\n" for name, version in pins if version)
