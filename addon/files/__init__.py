"""Files in and out: subjects, Gaussians, takes and samples come in, Gaussians and curves go out."""

from ..blender.state import Memory

MODULES = (
    "import_subject",
    "import_gaussians",
    "samples",
    "add_head",
    "assets",
    "drop",
    "laying",
    "paths",
    "missing",
    "relink",
    "collect",
    "export",
)
memory = Memory()
