"""Train Subject: what a capture holds becomes a head, in the background."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator

from emodifftalk.core.errors import UserError

from ..backend import long_work
from ..backend.long_work import LongJob
from ..blender.operators import Explained
from ..blender.registering import Adds


def subject_path(capture: Path) -> Path:
    """Where the subject of a capture goes: beside its folder, under its name, overwriting nothing."""
    number, path = 1, capture.with_name(f"{capture.name}.safetensors")
    while path.exists():
        number += 1
        path = capture.with_name(f"{capture.name}_{number}.safetensors")
    return path


class EMODIFFTALK_OT_train_subject(Explained, Operator):
    """Learn a subject from the capture, in the background. Cancel keeps what is learned, the same button goes on"""

    bl_idname = "emodifftalk.train_subject"
    bl_label = "Train Subject"
    bl_options = {"REGISTER"}

    capture: StringProperty(name="Capture", description="The capture's folder", options={"SKIP_SAVE"})

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a backend, and no other long work going on."""
        return long_work.why_not()

    def execute(self, context: Context) -> set[str]:
        """Send the job off; in background mode wait for it."""
        folder = Path(bpy.path.abspath(self.capture))
        job = LongJob("train_subject", f"Train {folder.name}")
        try:
            if not (folder / "capture.json").is_file():
                raise UserError(f"{folder} holds no finished capture: capture a character first.")
            long_work.start(job, {"capture": str(folder), "out": str(subject_path(folder))})
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return long_work.end_operator(self, job)


ADDS = Adds(classes=(EMODIFFTALK_OT_train_subject,))
