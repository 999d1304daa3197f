"""Fixtures for tests inside Blender (the `bpy` module): the add-on registered once, an empty file each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.placing import put_in_own_space
from tests.helpers.tiny_subject import save_tiny_subject


@pytest.fixture(scope="session")
def addon():
    """The add-on, registered for the session."""
    pytest.importorskip("bpy")
    import addon

    addon.register()
    yield addon
    addon.unregister()


@pytest.fixture
def scene(addon):
    """An empty file's scene at 24 frames per second, with the add-on registered; no words were ever read."""
    import bpy

    from addon.timeline import readings

    readings.forget()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture
def subject_path(tmp_path: Path) -> Path:
    """A tiny subject's file."""
    path = tmp_path / "tiny.safetensors"
    save_tiny_subject(path)
    return path


@pytest.fixture
def head(scene, subject_path):
    """A tiny head imported into the empty scene, and active; its subject's own space is the world's."""
    import bpy

    assert bpy.ops.emodifftalk.import_subject(filepath=str(subject_path)) == {"FINISHED"}
    put_in_own_space(bpy.context.active_object)
    return bpy.context.active_object
