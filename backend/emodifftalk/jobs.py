"""What the backend can be asked to do, as functions of plain data: the add-on's requests end here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core.errors import UserError
from .core.facs import AU_NAMES
from .core.performance import from_json

Progress = Callable[[float, str, str], None]
Job = Callable[[dict, Progress, Callable[[], bool]], dict[str, Any]]


def ping(params: dict, progress: Progress, cancelled: Callable[[], bool]) -> dict:
    """{} → {"pong": true}."""
    return {"pong": True}


def text_to_au(params: dict, progress: Progress, cancelled: Callable[[], bool]) -> dict:
    """{"text"} → {"prompt", "aus": {name: 0..1}, "encoder"}."""
    from .emotion.controller import load_text_to_au

    text = _text(params, "text")
    controller = load_text_to_au(params.get("encoder", "auto"))
    values = controller.intensities([text])[0]
    aus = {name: round(float(v), 4) for name, v in zip(AU_NAMES, values, strict=True)}
    return {"prompt": text, "aus": aus, "encoder": controller.name}


def drive(params: dict, progress: Progress, cancelled: Callable[[], bool]) -> dict:
    """{"subject", "performance", "out", "settings"?} → {"take", "frames", "seconds", "stages", "models"}."""
    from .perform import Settings, perform

    settings = Settings(**params.get("settings", {}))
    performance = from_json(params.get("performance"))
    report = perform(_text(params, "subject"), performance, _text(params, "out"), settings, progress, cancelled)
    return {
        "take": str(report.take),
        "frames": report.frames,
        "seconds": sum(report.stages.values()),
        "stages": report.stages,
        "models": report.models,
    }


def _text(params: dict, key: str) -> str:
    value = params.get(key)
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"The request lacks its {key}.")
    return value


JOBS: dict[str, Job] = {"ping": ping, "text_to_au": text_to_au, "drive": drive}
