"""EmoDiffTalk, a Blender extension: voice and plain-word feelings drive a head made of 3D Gaussians."""

from __future__ import annotations


def register() -> None:
    """Called by Blender when the extension is switched on."""
    from .addon import register as register_addon

    register_addon()


def unregister() -> None:
    """Called by Blender when the extension is switched off."""
    from .addon import unregister as unregister_addon

    unregister_addon()
