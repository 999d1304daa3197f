"""run.py, the way in: what is missing is said in one sentence, and packages are what Blender expects."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def run_py():
    """run.py as a module."""
    spec = importlib.util.spec_from_file_location("run_py", ROOT / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_uses_only_the_standard_library():
    code = "import sys; before = set(sys.modules); import run; print(*{m.split('.')[0] for m in sys.modules})"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert loaded <= set(sys.stdlib_module_names) | {"run", "__main__"}


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("NewConnectionError: Failed to establish a new connection: [Errno 101]", "package index cannot be reached"),
        ("ERROR: No matching distribution found for torch==2.11.0", "not available for this computer"),
        ("ERROR: something else", "something else"),
    ],
)
def test_why_pip_failed_is_one_sentence(run_py, output, sentence):
    found = run_py.explain_pip(output)
    assert sentence in found and "\n" not in found


def test_a_missing_system_library_names_its_package(run_py):
    error = "ImportError: libXrender.so.1: cannot open shared object file: No such file or directory"
    assert run_py.explain_bpy(error).endswith("apt install libxrender1")


def test_a_full_disk_is_noticed_before_anything_is_downloaded(run_py, monkeypatch, tmp_path):
    monkeypatch.setattr(run_py, "PYTHON", tmp_path / "none")
    monkeypatch.setattr(run_py, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(run_py, "NEEDED_GIB", 10**9)
    monkeypatch.setattr(run_py, "find_python", lambda: sys.executable)
    with pytest.raises(run_py.Missing, match="make room first"):
        run_py.set_up()


def test_a_finished_environment_is_not_made_again(run_py, monkeypatch, tmp_path):
    monkeypatch.setattr(run_py, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(run_py, "STAMP", tmp_path / "stamp")
    (tmp_path / "stamp").write_text(run_py.fingerprint(), encoding="utf-8")
    monkeypatch.setattr(run_py, "make_venv", lambda *_: pytest.fail("made again"))
    run_py.set_up()


def test_the_package_holds_the_add_on_and_its_wheel_and_nothing_else(run_py, monkeypatch, tmp_path):
    monkeypatch.setattr(run_py, "_write_zip", lambda path, files: written.__setitem__(path.name, files))
    written: dict[str, dict[str, bytes]] = {}
    run_py.build_wheel()
    wheel = written[run_py.WHEEL]
    rooms = ("emodifftalk/core/", "emodifftalk/shots/", "emodifftalk/__init__", "emodifftalk_core-")
    assert all(name.startswith(rooms) for name in wheel)
    assert not any(b"import torch" in data for data in wheel.values())


def test_two_builds_of_the_same_sources_are_the_same_bytes(run_py, monkeypatch, tmp_path):
    path = tmp_path / "a.zip"
    run_py._write_zip(path, {"x.txt": b"1", "y/z.txt": b"2"})
    first = path.read_bytes()
    run_py._write_zip(path, {"x.txt": b"1", "y/z.txt": b"2"})
    assert path.read_bytes() == first
    assert zipfile.ZipFile(path).namelist() == ["x.txt", "y/z.txt"]


def test_nothing_in_the_package_needs_what_is_left_out(run_py, monkeypatch):
    written: dict[str, dict[str, bytes]] = {}
    monkeypatch.setattr(run_py, "_write_zip", lambda path, files: written.__setitem__(path.name, files))
    path = run_py.build_package()
    files = written[path.name]
    assert {"addon/capture/__main__.py", "addon/capture_subject.py"} <= set(files)
    assert "addon/capture/cc0.py" not in files
    for name, data in files.items():
        if name.endswith(".py"):
            for module in imported(name, ast.parse(data)):
                inside = module.replace(".", "/")
                assert f"{inside}.py" in files or f"{inside}/__init__.py" in files, f"{name} imports {module}"


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
