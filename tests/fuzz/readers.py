"""All readers of the program, by name."""

from __future__ import annotations

from .reader import Reader
from .readers_addon import ADDON
from .readers_captures import CAPTURES
from .readers_core import CORE
from .readers_models import MODELS
from .readers_shots import SHOTS
from .readers_work import WORK

READERS: dict[str, Reader] = {r.name: r for r in (*CORE, *SHOTS, *CAPTURES, *MODELS, *WORK, *ADDON)}
