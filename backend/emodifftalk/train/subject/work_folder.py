"""What a long training keeps beside its output while it runs: every finished stage, to go on from after a kill.

1-canonical.safetensors    the subject as the stage left it
1-canonical.json           its report, and what it was made from; written last, so it is there or the stage is not
scratch-<key>/             what a stage that is not finished keeps for itself
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from ...core.errors import UserError
from ...core.opening import read_json
from ...core.subject import Subject, file_hash, load_subject, save_subject
from ..shared.page import save_page


class WorkFolder:
    """A folder of stages. Each is known by a key, a hash of everything it was made from."""

    def __init__(self, path: Path) -> None:
        """Raises UserError when the folder cannot be made."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{path} cannot be made: {error.strerror or error}.") from error

    def subject_path(self, stage: str) -> Path:
        """Where the subject lies as a finished stage left it."""
        return self.path / f"{stage}.safetensors"

    def finished(self, stage: str, key: str) -> dict | None:
        """The report of a stage that was finished before, from the very same things; None when it was not."""
        try:
            record = read_json(self._report(stage))
            if record["key"] != key:
                return None
            # Read before it is hashed: what is no subject may be a thousand times as large as one.
            load_subject(self.subject_path(stage))
            return record["report"] if record["subject"] == file_hash(self.subject_path(stage)) else None
        except (OSError, ValueError, KeyError, TypeError, UserError):
            return None

    def keep(self, stage: str, key: str, subject: Subject, report: dict) -> None:
        """Write what a finished stage made, and forget its scratch. Raises UserError when there is no room."""
        self._report(stage).unlink(missing_ok=True)
        save_subject(self.subject_path(stage), subject)
        record = {"key": key, "subject": file_hash(self.subject_path(stage)), "report": report}
        save_page(self._report(stage), json.dumps(record, default=str))
        self._forget_scratch()

    def scratch(self, key: str) -> Path:
        """A folder for a stage's own half-finished work; that of other stages, or of other settings, is thrown away."""
        folder = self.path / f"scratch-{key[:16]}"
        self._forget_scratch(folder)
        folder.mkdir(exist_ok=True)
        return folder

    def remove(self) -> None:
        """The training is over."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _forget_scratch(self, but: Path | None = None) -> None:
        for folder in self.path.glob("scratch-*"):
            if folder != but:
                shutil.rmtree(folder, ignore_errors=True)

    def _report(self, stage: str) -> Path:
        return self.path / f"{stage}.json"


def key_of(*parts: object) -> str:
    """A hash of `parts`, each as it prints."""
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()
