"""Makes the manual's pictures of the window, docs/manual/*.jpg, from the real program.

From the repository root, with a complete Blender and the environment of run.py, whose backend the pictures show:

    EMODIFFTALK_BLENDER=/path/to/blender .venv/bin/python -m tools.manual_pictures [NAME ...]

The .zip is built and installed into a fresh profile, a window of 1600 x 900 is opened (xvfb-run where there is no
display), and session.py works in it. NAMEs make only those pictures.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from .. import packages
from ..complete_blender import complete_blender, with_a_screen
from ..environments import ROOT, Missing

SESSION = Path(__file__).with_name("session.py")
PICTURES = ROOT / "docs" / "manual"
PACKAGE = "bl_ext.user_default.emodifftalk"
QUALITY, PATIENCE = 88, 1500


def main() -> int:
    """Make the pictures; returns the exit code."""
    try:
        blender = complete_blender()
        windowed = with_a_screen(blender)
    except Missing as problem:
        print(f"manual_pictures: {problem}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="emodifftalk") as name:
        folder = Path(name)
        environment = os.environ | {
            "BLENDER_USER_RESOURCES": str(folder / "profile"),
            "EMODIFFTALK_PYTHON": sys.executable,
        }
        environment.pop("PYTHONPATH", None)
        (folder / "profile").mkdir()
        package = next(path for path in packages.build_packages() if packages.this_platform() in path.name)
        install = [blender, "--command", "extension", "install-file", "-r", "user_default", "-e", str(package)]
        subprocess.run(install, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
        (folder / "out").mkdir()
        options = ["--enable-event-simulate", "--window-geometry", "0", "0", "1600", "900"]
        session = ["--python", str(SESSION), "--", str(folder / "out"), PACKAGE, *sys.argv[1:]]
        subprocess.run([*windowed, *options, *session], env=environment, timeout=PATIENCE)
        if not (folder / "out" / "done.json").exists():
            print("manual_pictures: Blender ended before all pictures were made; it said why above.", file=sys.stderr)
            return 1
        collect(folder / "out")
    return 0


def collect(out: Path) -> None:
    """Turn what the session left into JPEG files: windows as arrays with what to cut out of them, and renders."""
    for name, boxes in json.loads((out / "done.json").read_text()).items():
        target = PICTURES / f"{name}.jpg"
        if (out / f"{name}.jpg").exists():
            shutil.copy(out / f"{name}.jpg", target)
        else:
            window = Image.fromarray(np.load(out / f"{name}.npy")[::-1, :, :3])
            side_by_side([window.crop(box) for box in boxes] or [window]).save(target, quality=QUALITY, subsampling=0)
        print(f"{target.stat().st_size / 1000:5.0f} kB  {target.relative_to(ROOT)}")


def side_by_side(parts: list[Image.Image], gap: int = 12) -> Image.Image:
    """Parts of a window in a row, the gap between them white."""
    width = sum(part.width for part in parts) + gap * (len(parts) - 1)
    row = Image.new("RGB", (width, max(part.height for part in parts)), "white")
    left = 0
    for part in parts:
        row.paste(part, (left, 0))
        left += part.width + gap
    return row


if __name__ == "__main__":
    sys.exit(main())
