"""Voices and prompts on the sequencer: put there, read, coloured, kept tidy."""

from ..blender.state import Memory

MODULES = (
    "frame_rate",
    "whose",
    "reading",
    "prompts",
    "prompt_list",
    "voices",
    "fitting",
    "pick_voice",
    "sound_sync",
    "copies",
    "tending",
    "preset_panel",
    "markers",
    "affect_pad",
    "talking_head",
)
memory = Memory()
