"""Files come in and go out, and processes start, through the doors made for it: nothing else in the program does it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

READS = (
    *("open", ".open", ".read_bytes", ".read_text", "json.load", "json.loads", "np.load", "np.fromfile", "np.memmap"),
    *("h5py.File", "Stage.Open", "soundfile.read", "Image.open", "decompress", "gzip.open", "torch.load"),
    *("pickle.load", "pickle.loads", "load_file", "from_file"),
)
WRITES = ("os.replace", "os.rename", ".write_text", ".write_bytes", "mkstemp", "copyfile", "shutil.move")
STARTS = (
    *("subprocess.run", "subprocess.Popen", "subprocess.call", "check_output", "check_call"),
    *("os.system", "os.popen"),
)
BACKEND = "backend/emodifftalk/"
ALLOWED = {
    # The doors themselves.
    f"{BACKEND}core/opening.py": "the door",
    f"{BACKEND}core/whole_file.py": "the way out",
    f"{BACKEND}core/tensors.py": "writes a part of its own, piece by piece",
    f"{BACKEND}core/outside.py": "starts readers, and gives them nothing to read",
    # Read by a process of its own, which may die.
    f"{BACKEND}core/formats/usd_curves.py": "USD, in a process of its own",
    f"{BACKEND}data/captures/readers/smc_child.py": "HDF5, in a process of its own",
    # Read from what the door has opened.
    f"{BACKEND}core/formats/spz.py": "unpacks what the door has read, as much as its header honestly needs",
    "addon/takes/staleness.py": "unpacks text of a .blend, as much as a Performance can be",
    f"{BACKEND}data/numpy_files.py": "archives that the door has opened, entry by entry with limits",
    f"{BACKEND}data/captures/readers/picture.py": "Pillow, on a stream of the door's",
    f"{BACKEND}train/rig/steps.py": "a checkpoint of our own on a stream of the door's, weights alone",
    f"{BACKEND}evaluate/perceptual.py": "LPIPS' weights on a stream of the door's, weights alone",
    f"{BACKEND}emotion/text_encoders.py": "weights of an installed package, whose bytes are checked",
    f"{BACKEND}export/usd.py": "opens again what it is writing",
    f"{BACKEND}export/frame_formats.py": "moves what another program has made into a part",
    f"{BACKEND}train/subject/all_stages.py": "copies a finished subject into a part",
    f"{BACKEND}train/subject/report.py": "reads what it has just made of its own report",
    f"{BACKEND}data/speech/augmentation.py": "decodes what it has just encoded",
    f"{BACKEND}data/speech/festival.py": "in a temporary folder of its own",
    f"{BACKEND}data/speech/synthesizers.py": "in a temporary folder of its own",
    f"{BACKEND}data/speech/espeak_process.py": "its own child's words, without any other module of ours",
    f"{BACKEND}data/words/split.py": "writes into the sources",
    # Locks and journals, which others hold open too.
    f"{BACKEND}shots/file_lock.py": "a lock",
    f"{BACKEND}shots/journal.py": "is added to at its end",
    f"{BACKEND}shots/render_blender.py": "a log is added to at its end",
    f"{BACKEND}shots/snapshot.py": "keeps a .blend as it is while it is rendered",
    "addon/shots/process.py": "a log of its own child",
    "addon/shots/worker/pictures.py": "forces a finished picture to the disk",
    "addon/shots/worker/render_worker.py": "the runner's words, before any module of ours can be found",
    # The extension's own files, and the environment that Install Backend makes.
    "addon/draw/gpu_parts.py": "shaders of the extension",
    "addon/files/samples.py": "sample scenes of the extension",
    "addon/backend/install/builds.py": "lists of the extension",
    "addon/backend/install/lock.py": "a lock",
    "addon/backend/install/packages.py": "pip's own lists, in the environment it has made",
    "addon/backend/install/work.py": "a log is added to at its end",
}
"""Files that read, write or unpack for themselves, and why that is none of a stranger's business."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Calls of a file, by how they are written."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def sources() -> Iterator[tuple[str, Path]]:
    for top in ("addon", "backend/emodifftalk"):
        yield from ((path.relative_to(ROOT).as_posix(), path) for path in sorted((ROOT / top).rglob("*.py")))


def is_one_of(called: str, names: tuple[str, ...]) -> bool:
    """Whether a call is one of these: “.x” of anything, “x” of nothing, “a.x” at its end."""
    for name in names:
        if called == name or (name.startswith(".") and called.endswith(name)):
            return True
        if name != "open" and called.endswith(f".{name}"):
            return True
    return False


@pytest.mark.parametrize(("names", "door"), [(READS, "core/opening.py"), (WRITES, "core/whole_file.py")])
def test_files_come_in_and_go_out_through_the_doors_alone(names, door):
    found = [
        f"{name}:{call.lineno}: {called} (use {door})"
        for name, path in sources()
        for called, call in calls(path)
        if is_one_of(called, names) and name not in ALLOWED
    ]
    assert found == []


def test_whoever_needs_no_exception_has_none():
    used = {name for name, path in sources() if any(is_one_of(c, (*READS, *WRITES)) for c, _ in calls(path))}
    assert set(ALLOWED) <= used


def test_every_process_is_started_with_an_environment_and_a_folder_that_are_written_down():
    found = [
        f"{name}:{call.lineno}: {called}"
        for name, path in sources()
        for called, call in calls(path)
        if is_one_of(called, STARTS) and not {"env", "cwd"} <= {word.arg for word in call.keywords}
    ]
    assert found == []


def test_python_modules_are_run_without_the_current_folder():
    """By `module_words`, or with -I or -P in the same list."""
    found = []
    for name, path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.List):
                words = [item.value for item in node.elts if isinstance(item, ast.Constant)]
                starred = any(isinstance(item, ast.Starred) for item in node.elts)
                if "-m" in words and not {"-I", "-P"} & set(words) and not starred:
                    found.append(f"{name}:{node.lineno}")
    assert found == []


def test_recordings_are_decoded_by_a_process_of_its_own_alone():
    """But for the synthesizers' own, in training."""
    using = {name for name, path in sources() if "SoundFile" in path.read_text(encoding="utf-8")}
    assert using == {f"{BACKEND}speech/decoding.py"}


def test_nothing_is_evaluated_or_unpickled():
    found = [
        f"{name}:{call.lineno}: {called}"
        for name, path in sources()
        for called, call in calls(path)
        if called in ("eval", "exec", "pickle.load", "pickle.loads")
        or (called.endswith("torch.load") and "weights_only" not in {word.arg for word in call.keywords})
    ]
    assert found == []
