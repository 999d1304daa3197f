"""Install Backend and what belongs to it: buttons that start, cancel, repair and remove an installation."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty
from bpy.types import Context, Event, Operator

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import read_text

from ..blender.operators import Explained
from ..blender.registering import Adds
from . import home, installation
from .install import home as install_home
from .install import install
from .panel import draw_survey


def _end(operator: Operator) -> set[str]:
    """What an operator returns that has begun work: at once in a window, after the work in background mode."""
    if not bpy.app.background:
        return {"FINISHED"}
    said = ""
    while installation.busy():
        try:
            installation.state.work.join(0.2)
        except KeyboardInterrupt:
            installation.state.work.cancel()
        line = f"{installation.state.work.text.partition(',')[0]} {int(installation.state.work.fraction * 20) * 5} %"
        if line != said:
            said = line
            print(f"EmoDiffTalk: {line}", flush=True)
    if installation.state.work.problem:
        operator.report({"ERROR"}, installation.state.work.problem)
    elif installation.state.work.done:
        operator.report({"INFO"}, installation.state.work.note)
    return {"FINISHED"} if installation.state.work.done else {"CANCELLED"}


class _Button(Explained, Operator):
    """What the buttons share: they are greyed out with a reason."""

    needs_network = False

    @classmethod
    def why_not(cls, context: Context) -> str:
        """While nothing else is going on, and where it is needed with a way to the packages."""
        return installation.why_not(cls.needs_network) or cls.own_reason()

    @classmethod
    def own_reason(cls) -> str:
        """Why this one cannot be pressed."""
        return "" if home.state() != install_home.ABSENT else "No backend is installed"


class EMODIFFTALK_OT_install_backend(_Button):
    """Install what makes takes into an environment of its own. Shows its size first; Blender's Python is left alone"""

    bl_idname = "emodifftalk.install_backend"
    bl_label = "Install Backend"
    bl_options = {"REGISTER"}
    needs_network = True

    choice: EnumProperty(
        name="For",
        description="What the backend works on",
        items=(
            ("AUTO", "What Suits", "The one that suits this computer"),
            ("CUDA", "NVIDIA Card", "Works on an NVIDIA card, and on the processor where there is none; large"),
            ("CPU", "Processor", "Works on the processor alone; small"),
        ),
        options={"SKIP_SAVE"},
    )

    @classmethod
    def own_reason(cls) -> str:
        """None: installing again goes on, updates or finds that all is well."""
        return ""

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Show sizes and ask."""
        context.window.cursor_set("WAIT")
        installation.take_survey()
        context.window.cursor_set("DEFAULT")
        title = "Update Backend" if home.state() == install_home.OLD else "Install Backend"
        confirm = "Install" if not installation.state.survey.problem else "Look Again"
        return set(context.window_manager.invoke_props_dialog(self, width=460, title=title, confirm_text=confirm))

    def draw(self, context: Context) -> None:
        """What would be fetched, how large it is, and where it goes."""
        draw_survey(self.layout, self, installation.state.survey)

    def execute(self, context: Context) -> set[str]:
        """Begin; in background mode wait."""
        try:
            wanted = installation.order(self.choice)
            if reason := install.missing_room(wanted):
                raise UserError(reason)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        installation.start(install.install(wanted))
        return _end(self)


class EMODIFFTALK_OT_repair_backend(_Button):
    """Check every file of the installed backend and fetch again what is missing or damaged"""

    bl_idname = "emodifftalk.repair_backend"
    bl_label = "Repair"
    bl_options = {"REGISTER"}
    needs_network = True

    def execute(self, context: Context) -> set[str]:
        """Begin, with the build that is installed; in background mode wait."""
        try:
            installation.take_survey(10.0)
            wanted = installation.order(install_home.read_record(home.home()).choice.upper() or "AUTO")
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        installation.start(install.repair(wanted))
        return _end(self)


class EMODIFFTALK_OT_uninstall_backend(_Button):
    """Remove the installed backend and give its disk space back. Takes, subjects and settings stay"""

    bl_idname = "emodifftalk.uninstall_backend"
    bl_label = "Uninstall"
    bl_options = {"REGISTER"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask first."""
        answer = context.window_manager.invoke_confirm(
            self,
            event,
            title="Uninstall the Backend",
            message=f"{home.home().root} is removed. Takes stay and play.",
            confirm_text="Uninstall",
        )
        return set(answer)

    def execute(self, context: Context) -> set[str]:
        """Begin; in background mode wait."""
        installation.start(install.uninstall(home.home()))
        return _end(self)


class EMODIFFTALK_OT_cancel_install(Explained, Operator):
    """Stop. What is downloaded is kept, and the same button goes on from there"""

    bl_idname = "emodifftalk.cancel_install"
    bl_label = "Cancel"

    @classmethod
    def why_not(cls, context: Context) -> str:
        """While something is going on."""
        return "" if installation.busy() else "Nothing is being installed"

    def execute(self, context: Context) -> set[str]:
        """End it with everything it has started."""
        installation.state.work.cancel()
        return {"FINISHED"}


class EMODIFFTALK_OT_copy_install_log(Explained, Operator):
    """Copy the whole log of the installation, to be pasted into a question or a bug report"""

    bl_idname = "emodifftalk.copy_install_log"
    bl_label = "Copy Log"

    @classmethod
    def why_not(cls, context: Context) -> str:
        """When there is one."""
        work = installation.state.work
        return "" if (work is not None and work.lines) or home.home().log.is_file() else "There is no log yet"

    def execute(self, context: Context) -> set[str]:
        """Put it on the clipboard."""
        try:
            text = read_text(home.home().log)
        except UserError:
            text = "\n".join(installation.state.work.lines) if installation.state.work is not None else ""
        context.window_manager.clipboard = text
        self.report({"INFO"}, f"Copied {len(text.splitlines())} lines")
        return {"FINISHED"}


_CLASSES = (
    EMODIFFTALK_OT_install_backend,
    EMODIFFTALK_OT_repair_backend,
    EMODIFFTALK_OT_uninstall_backend,
    EMODIFFTALK_OT_cancel_install,
    EMODIFFTALK_OT_copy_install_log,
)

ADDS = Adds(classes=_CLASSES)
