"""What speaks training sentences, on machines that have it."""

from __future__ import annotations

import shutil
from ctypes.util import find_library

import pytest

can_synthesize = pytest.mark.skipif(
    not (shutil.which("flite") and find_library("espeak-ng")),
    reason="espeak-ng and flite are not installed: they are needed only to make training speech",
)
