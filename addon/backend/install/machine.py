"""What the computer has: system, processor, NVIDIA cards and their driver; which build of the backend suits it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from emodifftalk.core.child_process import PACKAGE, environment, find_program, window_flags
from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import read_text

OLDEST_DRIVER = 580
"""The oldest NVIDIA driver that runs CUDA 13, which torch is built for."""
OLDEST_CARD = 7.5
"""The oldest compute capability that CUDA 13 runs on (Turing: RTX 20, GTX 16)."""

_SYSTEMS = {"linux": "linux", "win32": "windows", "darwin": "macos"}
_PROCESSORS = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Machine:
    """A computer.

    system, processor: `linux`, `windows` or `macos`; `x86_64` or `aarch64`.
    card: name of its best NVIDIA card, empty without one.
    driver: e.g. 580.65, empty when unknown.
    capability: of the card, e.g. 8.9, 0 when unknown.
    """

    system: str
    processor: str
    card: str = ""
    driver: str = ""
    capability: float = 0.0

    @property
    def named(self) -> str:
        """In a person's words."""
        systems = {"linux": "Linux", "windows": "Windows", "macos": "macOS"}
        if self.system == "macos":
            return f"macOS on {'Apple' if self.processor == 'aarch64' else 'Intel'} processors"
        return f"{systems.get(self.system, self.system)} on {self.processor}"


def look() -> Machine:
    """This computer. Asks the NVIDIA driver, which may take a second or two."""
    processor = platform.machine().lower()
    system = _SYSTEMS.get(sys.platform, sys.platform)
    card, driver, capability = ("", "", 0.0) if system == "macos" else _nvidia()
    return Machine(system, _PROCESSORS.get(processor, processor), card, driver, capability)


def suits(machine: Machine) -> tuple[str, str]:
    """The build that suits a machine, `cuda` or `cpu`, and why, one sentence."""
    if machine.system == "macos":
        return "cpu", "On a Mac the backend works on the processor."
    if not machine.card:
        return "cpu", "No NVIDIA card was found: the backend works on the processor."
    has = f"{machine.card}, driver {machine.driver}" if machine.driver else machine.card
    if _major(machine.driver) < OLDEST_DRIVER:
        return "cpu", f"{has}: CUDA 13 needs driver {OLDEST_DRIVER} or newer; update it to use the card."
    if 0 < machine.capability < OLDEST_CARD:
        return "cpu", f"{has}: CUDA 13 no longer runs on a card of this age, the backend works on the processor."
    return "cuda", f"{has}: the backend works on the card."


def parse_cards(answer: str) -> tuple[str, str, float]:
    """Name, driver and capability of the most capable card out of nvidia-smi's lines `name, driver, capability`."""
    cards = []
    for line in answer.splitlines():
        parts = [part.strip() for part in line.rsplit(",", 2)]
        if len(parts) == 3 and _number(parts[1].split(".")[0]):
            cards.append((parts[0], parts[1], _number(parts[2])))
    return max(cards, key=lambda card: card[2], default=("", "", 0.0))


def _nvidia() -> tuple[str, str, float]:
    command = _nvidia_smi()
    if command:
        try:
            answer = subprocess.run(
                [command, "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"],
                capture_output=True,
                text=True,
                timeout=8,
                stdin=subprocess.DEVNULL,
                cwd=PACKAGE,
                env=environment(),
                creationflags=window_flags(),
            )
            if answer.returncode == 0 and (best := parse_cards(answer.stdout))[0]:
                return best
        except (OSError, subprocess.TimeoutExpired):
            pass  # a driver that does not answer is asked for in the next way
    return _kernel_module()


def _nvidia_smi() -> str | None:
    command = find_program("nvidia-smi")
    if command or os.name != "nt":
        return command
    path = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvidia-smi.exe"
    return str(path) if path.is_file() else None


def _kernel_module(path: Path = Path("/proc/driver/nvidia/version")) -> tuple[str, str, float]:
    """Linux's driver says its version even where its tools are not installed."""
    try:
        words = read_text(path, 10_000).split()
    except UserError:
        return "", "", 0.0
    driver = next((word for word in words if word[:1].isdigit() and "." in word), "")
    return "An NVIDIA card", driver, 0.0


def _major(driver: str) -> int:
    return int(_number(driver.split(".")[0]))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
