"""The colour of the world behind everything."""

from __future__ import annotations

from typing import Any

import numpy as np
from bpy.types import Scene


def world_colour(scene: Scene) -> np.ndarray:
    """The world's colour (3,), scene-linear: its Background node's, or its viewport colour."""
    world = scene.world
    if world is None:
        return np.zeros(3)
    nodes = world.node_tree.nodes if world.use_nodes and world.node_tree is not None else ()
    background: Any = next((node for node in nodes if node.type == "BACKGROUND"), None)
    if background is not None and not background.inputs["Color"].is_linked:
        strength = background.inputs["Strength"].default_value
        return strength * np.array(background.inputs["Color"].default_value)[:3]
    return np.array(world.color)
