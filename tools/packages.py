"""The wheels and the .zip files that are given away: the same bytes for the same sources."""

from __future__ import annotations

import base64
import hashlib
import platform
import re
import sys
import zipfile
from pathlib import Path

from .environments import ROOT, Missing
from .sbom import sbom

_SAID = (ROOT / "backend" / "emodifftalk" / "__init__.py").read_text(encoding="utf-8")
(VERSION,) = re.findall(r'^__version__ = "(.+)"$', _SAID, re.MULTILINE)
"""Written there and nowhere else; pyproject.toml and what is packed here take it from there."""
PLATFORMS = ("linux-x64", "windows-x64", "macos-arm64", "macos-x64")
CORE_WHEEL = f"emodifftalk_core-{VERSION}-py3-none-any.whl"
BACKEND_WHEEL = f"emodifftalk-{VERSION}-py3-none-any.whl"

IN_BLENDER = ("core/**/*.py", "shots/*.py")
"""What Blender's Python gets of the backend: NumPy at most."""
VOICES = {".wav", ".flac", ".ogg"}
_PACKED_ALREADY = {".whl", ".blend", ".flac", ".ogg"}


def build_packages() -> list[Path]:
    """The extension as .zip files that Blender installs, one for every platform: dist/emodifftalk-…-PLATFORM.zip.

    They differ in their manifest alone: no wheel in them is compiled. Raises Missing.
    """
    build_core_wheel()
    contents = package_contents()
    paths = []
    for name in PLATFORMS:
        path = ROOT / "dist" / f"emodifftalk-{VERSION}-{name}.zip"
        write_zip(path, contents | {"blender_manifest.toml": manifest(name)})
        paths.append(path)
    return paths


def this_platform() -> str:
    """The name of this machine's platform, whether we have a package for it or not."""
    system = {"linux": "linux", "win32": "windows", "darwin": "macos"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    return f"{system}-{'arm64' if machine in ('arm64', 'aarch64') else 'x64'}"


def package_contents() -> dict[str, bytes]:
    """Name and bytes of every file of the extension but its manifest. Raises Missing.

    Beside the add-on and the wheel it plays takes with: the manual's text, the sample scenes, and in `backend` what the
    backend is installed from, its own wheel and the lists and locks of packages it needs; and a list of all of that
    (`sbom`).
    """
    paths = [ROOT / name for name in ("__init__.py", "LICENSE", "LICENSES.md", "README.md")]
    paths += sorted(p for p in (ROOT / "addon").rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    paths += [ROOT / "wheels" / CORE_WHEEL]
    paths += sorted((ROOT / "docs" / "manual").glob("*.md"))
    paths += sample_files()
    paths += sorted((ROOT / "backend").glob("requirements*.txt"))
    paths += sorted((ROOT / "backend" / "locks").glob("*.txt"))
    files = {p.relative_to(ROOT).as_posix(): p.read_bytes() for p in paths}
    files[f"backend/{BACKEND_WHEEL}"] = build_backend_wheel().read_bytes()
    return files | {"sbom.cdx.json": sbom(VERSION, files)}


def sample_files() -> list[Path]:
    """The sample scenes and what they need: voices, subjects, and the takes that are named after a scene."""
    folder = ROOT / "sample_scenes"
    scenes = sorted(folder.glob("*.blend"))
    media = [path for path in sorted(folder.rglob("*")) if path.suffix in VOICES and "held_out" not in path.parts]
    media += sorted(folder.glob("subjects/*.safetensors"))
    takes = {take for scene in scenes for take in folder.glob(f"takes/{scene.stem}*.safetensors")}
    return [*scenes, *media, *sorted(takes)]


def manifest(name: str) -> bytes:
    """The extension's manifest, for one platform: that of the checkout with our version and our wheel put in."""
    lines = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8").splitlines(keepends=True)
    said = {
        "version": f'version = "{VERSION}"\n',
        "wheels": f'platforms = ["{name}"]\n\nwheels = ["./wheels/{CORE_WHEEL}"]\n',
    }
    return "".join(said.get(line.partition(" = ")[0], line) for line in lines).encode()


def build_core_wheel() -> Path:
    """What Blender's Python gets of the backend as a pure wheel: wheels/emodifftalk_core-….whl."""
    about = (
        f"Metadata-Version: 2.1\nName: emodifftalk-core\nVersion: {VERSION}\n"
        "Summary: The NumPy core of EmoDiffTalk\nLicense: GPL-3.0-or-later\nRequires-Python: >=3.11\n"
    )
    return _write_wheel(ROOT / "wheels" / CORE_WHEEL, _sources("__init__.py", *IN_BLENDER), {"METADATA": about})


def build_backend_wheel() -> Path:
    """The whole backend with its models as a pure wheel: dist/emodifftalk-….whl. Raises Missing.

    It holds and says what backend/pyproject.toml does, and carries VERSION.
    """
    try:
        import tomllib
    except ImportError as error:
        raise Missing("packages are built with Python 3.11 or newer: run this with one.") from error
    said = tomllib.loads((ROOT / "backend" / "pyproject.toml").read_text(encoding="utf-8"))
    project = said["project"]
    files = _sources("**/*.py", *said["tool"]["setuptools"]["package-data"]["emodifftalk"])
    needs = [f"Requires-Dist: {need}" for need in project["dependencies"]]
    for extra, more in project["optional-dependencies"].items():
        needs += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {need}; extra == "{extra}"' for need in more)]
    about = (
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {VERSION}\n"
        f"Summary: {project['description']}\nLicense: {project['license']['text']}\n"
        f"Requires-Python: {project['requires-python']}\n" + "".join(f"{need}\n" for need in needs)
    )
    commands = "".join(f"{name} = {place}\n" for name, place in project["scripts"].items())
    info = {"METADATA": about, "entry_points.txt": f"[console_scripts]\n{commands}"}
    return _write_wheel(ROOT / "dist" / BACKEND_WHEEL, files, info)


def _sources(*patterns: str) -> dict[str, bytes]:
    """Name in a wheel and bytes of the backend's files that match."""
    package = ROOT / "backend" / "emodifftalk"
    paths = {path for pattern in patterns for path in package.glob(pattern) if path.is_file()}
    return {f"emodifftalk/{p.relative_to(package).as_posix()}": p.read_bytes() for p in sorted(paths)}


def _write_wheel(path: Path, files: dict[str, bytes], info: dict[str, str]) -> Path:
    """Write files and what a wheel says about itself; returns `path`."""
    folder = "-".join(path.name.split("-")[:2]) + ".dist-info"
    info |= {"WHEEL": "Wheel-Version: 1.0\nGenerator: run.py\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files |= {f"{folder}/{name}": text.encode() for name, text in info.items()}
    for name in ("LICENSE", "LICENSES.md"):
        files[f"{folder}/licenses/{name}"] = (ROOT / name).read_bytes()
    record = "".join(f"{name},{_record_hash(data)},{len(data)}\n" for name, data in files.items())
    files[f"{folder}/RECORD"] = f"{record}{folder}/RECORD,,\n".encode()
    write_zip(path, files)
    return path


def _record_hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    """Write names and bytes as a .zip, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with zipfile.ZipFile(part, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
            packed = Path(name).suffix in _PACKED_ALREADY
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    part.replace(path)
