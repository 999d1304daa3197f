"""What is given away: a .zip for every platform that plays, renders and brings its backend, always the same bytes."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest

from tests.helpers.places import BACKEND, ROOT, SCENES
from tools import packages
from tools.packages import BACKEND_WHEEL, CORE_WHEEL, VERSION


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    """Name and bytes of what is in every .zip."""
    packages.build_core_wheel()
    return packages.package_contents()


def test_the_version_is_written_once_and_blenders_manifest_which_cannot_ask_says_the_same():
    said = tomllib.loads((BACKEND / "pyproject.toml").read_text())
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    from emodifftalk import __version__

    assert __version__ == VERSION == manifest["version"]
    assert manifest["wheels"] == [f"./wheels/{CORE_WHEEL}"] and VERSION in CORE_WHEEL
    assert said["project"]["dynamic"] == ["version"]
    assert said["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "emodifftalk.__version__"}


def test_packages_carry_the_version_of_the_sources_whatever_the_manifest_of_the_checkout_says(monkeypatch):
    monkeypatch.setattr(packages, "VERSION", "3.2.1")
    monkeypatch.setattr(packages, "CORE_WHEEL", "emodifftalk_core-3.2.1-py3-none-any.whl")
    manifest = tomllib.loads(packages.manifest("linux-x64").decode())
    assert manifest["version"] == "3.2.1"
    assert manifest["wheels"] == ["./wheels/emodifftalk_core-3.2.1-py3-none-any.whl"]


def test_every_platform_has_a_zip_and_they_differ_in_the_manifest_alone(contents, monkeypatch):
    written: dict[str, dict[str, bytes]] = {}
    monkeypatch.setattr(packages, "package_contents", lambda: contents)
    monkeypatch.setattr(packages, "write_zip", lambda path, files: written.__setitem__(path.name, files))
    names = [path.name for path in packages.build_packages()]
    assert names == [f"emodifftalk-{VERSION}-{platform}.zip" for platform in packages.PLATFORMS]
    for name, platform in zip(names, packages.PLATFORMS, strict=True):
        manifest = tomllib.loads(written[name].pop("blender_manifest.toml").decode())
        assert manifest.pop("platforms") == [platform]
        assert manifest == tomllib.loads((ROOT / "blender_manifest.toml").read_text())
        assert written[name] == contents


def test_the_sample_scenes_come_along_and_what_only_a_checkout_needs_does_not(contents):
    wanted = {"sample_scenes/hello.blend", "sample_scenes/hello.wav", "sample_scenes/subjects/nora.safetensors"}
    wanted |= {f"backend/{BACKEND_WHEEL}", "backend/requirements.txt", "LICENSE", "LICENSES.md", "README.md"}
    wanted |= {"docs/manual/README.md"}
    assert wanted <= set(contents)
    for name in contents:
        assert not name.endswith((".jpg", ".png", ".pyc")) and "held_out/" not in name, name
        assert not (name.startswith("sample_scenes/") and name.endswith(".py")), name


def test_takes_that_somebody_made_in_a_sample_scene_stay_at_home(monkeypatch, tmp_path):
    takes = tmp_path / "sample_scenes" / "takes"
    takes.mkdir(parents=True)
    for path in (takes.parent / "hello.blend", takes / "hello.safetensors", takes / "Nora_001.safetensors"):
        path.touch()
    monkeypatch.setattr(packages, "ROOT", tmp_path)
    assert [path.name for path in packages.sample_files()] == ["hello.blend", "hello.safetensors"]


def test_every_file_a_sample_scene_refers_to_is_in_the_package(contents, addon):
    import bpy

    scenes = sorted(SCENES.glob("*.blend"))
    assert scenes
    for scene in scenes:
        bpy.ops.wm.open_mainfile(filepath=str(scene))
        kept = [thing.emodifftalk for thing in bpy.data.objects if thing.emodifftalk.subject_path]
        paths = [head.subject_path for head in kept] + [take.path for head in kept for take in head.takes]
        paths += [sound.filepath for sound in bpy.data.sounds]
        assert len(paths) > len(kept) > 0
        for path in paths:
            assert path.startswith("//"), f"{scene.name} refers to {path}"
            assert f"sample_scenes/{path[2:]}" in contents, f"{scene.name} refers to {path}"


def test_blenders_python_gets_the_core_and_no_torch(contents):
    wheel = zipfile.ZipFile(io.BytesIO(contents[f"wheels/{CORE_WHEEL}"]))
    parts = ("emodifftalk/core/", "emodifftalk/shots/", "emodifftalk/__init__.py", "emodifftalk_core-")
    assert all(name.startswith(parts) for name in wheel.namelist())
    assert not any(b"import torch" in wheel.read(name) for name in wheel.namelist())


@pytest.mark.slow
def test_the_backends_wheel_installs_and_holds_all_that_the_sources_do(contents, tmp_path):
    wheel = tmp_path / BACKEND_WHEEL
    wheel.write_bytes(contents[f"backend/{BACKEND_WHEEL}"])
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(tmp_path / "site")]
    answer = subprocess.run([*command, str(wheel)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    sources = BACKEND / "emodifftalk"
    tracked = {p.relative_to(sources) for p in sources.rglob("*") if p.suffix in (".py", ".toml", ".safetensors")}
    installed = tmp_path / "site" / "emodifftalk"
    assert {path for path in tracked if not (installed / path).is_file()} == set()
    said = subprocess.run(
        [sys.executable, "-S", "-c", "import emodifftalk; print(emodifftalk.__file__)"],
        env={"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == str(installed / "__init__.py")
    commands = (tmp_path / "site" / f"emodifftalk-{VERSION}.dist-info" / "entry_points.txt").read_text()
    assert "emodifftalk = emodifftalk.cli:main" in commands


@pytest.mark.slow
def test_two_builds_of_the_same_sources_are_the_same_bytes(tmp_path):
    first = packages.build_backend_wheel().read_bytes()
    assert packages.build_backend_wheel().read_bytes() == first
    path = tmp_path / "a.zip"
    packages.write_zip(path, {"x.txt": b"1", "y/z.txt": b"2"})
    assert zipfile.ZipFile(path).namelist() == ["x.txt", "y/z.txt"]
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_in_the_package_needs_what_is_left_out(contents):
    assert {"addon/capture/studio/__main__.py", "addon/capture/operators.py"} <= set(contents)
    assert "sample_scenes/heads/cc0.py" not in contents
    for name, data in contents.items():
        if name.endswith(".py"):
            for module in imported(name, ast.parse(data)):
                inside = module.replace(".", "/")
                assert f"{inside}.py" in contents or f"{inside}/__init__.py" in contents, f"{name} imports {module}"


def imported(name: str, tree: ast.AST) -> set[str]:
    """Modules of the add-on that a file imports, as `addon.…`."""
    package, found = name.removesuffix(".py").split("/")[:-1], set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*base, *([node.module] if node.module else [])])
        if module == "addon" or module.startswith("addon."):
            whole = {f"{module}.{alias.name}" for alias in node.names}
            found |= {child if (ROOT / f"{child.replace('.', '/')}.py").exists() else module for child in whole}
    return found


def test_the_package_says_what_it_is_made_of_and_what_the_backend_fetches_with_hashes(contents):
    said = json.loads(contents["sbom.cdx.json"])
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.6")
    parts = {part["bom-ref"]: part for part in said["components"]}
    assert len(parts) == len(said["components"])
    nora = "sample_scenes/subjects/nora.safetensors"
    assert parts[nora]["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(contents[nora]).hexdigest()}]
    torch = next(part for name, part in parts.items() if name.startswith("pkg:pypi/torch@"))
    (files,) = torch["externalReferences"]
    assert torch["scope"] == "optional" and len(files["hashes"]) > 5
    assert set(re.findall(r"^([a-z0-9-]+)==", (BACKEND / "locks" / "pypi.txt").read_text(), re.MULTILINE)) <= {
        part["name"] for part in said["components"]
    }
    assert said == json.loads(packages.sbom(VERSION, {k: v for k, v in contents.items() if k != "sbom.cdx.json"}))
