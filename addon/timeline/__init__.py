"""Voices and prompts on the sequencer: put there, read, coloured, kept tidy."""

from ..blender.state import Memory

MODULES = (
    "frame_rate",
    "reading",
    "prompts",
    "prompt_list",
    "pick_voice",
    "sound_sync",
    "tending",
    "preset_panel",
    "markers",
    "affect_pad",
)
memory = Memory()
