"""How processes of ours are started: with our code alone, an environment that is written down, and a folder of ours.

`python -m` looks for modules in the current folder first. Whatever lies beside a downloaded file would run: hence `-P`,
and a current folder in which nothing but this program lies. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of the package `emodifftalk`: the current folder of what we start."""
SOURCES = PACKAGE.parent
"""The folder that has the package."""

_PASSED_ON = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TMP", "TEMP", "LANG", "LANGUAGE", "TZ"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERNAME", "USERPROFILE", "HOMEDRIVE"),
        *("HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "COMMONPROGRAMFILES"),
        *("NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE", "PROCESSOR_IDENTIFIER"),
        *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "LD_LIBRARY_PATH", "OCIO", "PYTHONDONTWRITEBYTECODE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    )
)
_FAMILIES = (
    *("EMODIFFTALK_", "LC_", "XDG_", "CUDA_", "NVIDIA_", "OMP_", "MKL_", "OPENBLAS_", "TORCH_", "PYTORCH_"),
    *("HF_", "TRANSFORMERS_", "NUMBA_", "BLENDER_", "LIBGL_", "MESA_", "GALLIUM_", "LP_", "VK_"),
)


def environment(more: Mapping[str, str] = {}, sources: Path | None = None) -> dict[str, str]:
    """The environment of a child: what of ours is known to be of use, and nothing that makes Python run other code.

    sources: a folder that its Python finds packages in first.
    """
    passed = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _PASSED_ON or name.upper().startswith(_FAMILIES)
    }
    ours = {"PYTHONSAFEPATH": "1", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
    path = {"PYTHONPATH": os.fspath(sources)} if sources is not None else {}
    return {**passed, **ours, **path, **more}


def module_words(python: str | os.PathLike[str], module: str, *words: str | os.PathLike[str]) -> list[str]:
    """The command line that runs a module with a Python."""
    return [os.fspath(python), "-P", "-m", module, *(os.fspath(word) for word in words)]


def start_child(
    words: Sequence[str], stderr: int, sources: Path | None = None, more: Mapping[str, str] = {}
) -> subprocess.Popen[bytes]:
    """Start a process that is spoken to over pipes: its standard input and output are ours.

    stderr: where what it complains goes, as for `subprocess`. sources, more: as for `environment`. Raises OSError.
    """
    return subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd=PACKAGE,
        env=environment(more, sources),
        creationflags=window_flags(),
    )


def window_flags(more: int = 0) -> int:
    """The `creationflags` of a child that opens no console on Windows; 0 elsewhere."""
    return getattr(subprocess, "CREATE_NO_WINDOW", 0) | more


def find_program(name: str | os.PathLike[str]) -> str | None:
    """The absolute path of a program by its name or path; none that merely lies in the current folder.

    On Windows a name is looked for in the current folder before the PATH; anywhere the PATH may hold “.”.
    """
    given = os.fspath(name)
    if os.path.dirname(given):
        found = shutil.which(given)
        return os.path.abspath(found) if found else None
    return next(
        (found for folder in _absolute(os.get_exec_path()) if (found := shutil.which(os.path.join(folder, given)))),
        None,
    )


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    try:
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"


def _absolute(folders: Iterable[str]) -> list[str]:
    return [folder for folder in folders if os.path.isabs(folder)]
