"""A render that lacks its heads is never silent, and one that has them, or is meant not to, says nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.helpers.tiny_subject import save_tiny_subject

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.composite import missing
from addon.draw.left_out import left_out, left_out_for_panels
from addon.scene.composite_settings import composite_settings
from addon.shots.worker.opened import open_shot
from tests.helpers.small_shots import add_camera


@pytest.fixture
def shot(head, scene, monkeypatch):
    """A tiny head before a camera, in a picture of eight pixels by Cycles."""
    scene.camera = add_camera(scene, "Front")
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 8
    monkeypatch.setenv("EMODIFFTALK_PYTHON", "/no/backend")
    missing.state.clear()
    return scene


def collection_with(head) -> bpy.types.Collection:
    """The head in a collection of its own."""
    collection = bpy.data.collections.new("Cast")
    bpy.context.scene.collection.children.link(collection)
    for other in head.users_collection:
        other.objects.unlink(head)
    collection.objects.link(head)
    return collection


@pytest.mark.parametrize("engine", ["CYCLES", "BLENDER_WORKBENCH"])
def test_another_engine_lacks_the_head_and_the_sentence_says_whom(head, shot, engine):
    shot.render.engine = engine
    assert left_out(shot) == f"Tiny is not in the picture: {engine.split('_')[-1].capitalize()} cannot draw heads."
    twin = head.copy()
    shot.collection.objects.link(twin)
    assert left_out(shot).startswith("Tiny and Tiny.001 are not in the picture")
    for _ in range(2):
        shot.collection.objects.link(head.copy())
    assert left_out(shot).startswith("Tiny and 3 other heads are not")


def test_eevee_is_called_so_whatever_this_blender_calls_it(head, shot):
    names = [name for name in ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT") if _takes(shot, name)]
    assert names and left_out(shot).endswith("EEVEE cannot draw heads.")


def _takes(scene, engine: str) -> bool:
    try:
        scene.render.engine = engine
    except TypeError:
        return False
    return True


def test_a_head_that_is_meant_to_be_left_out_is_not_missed(head, shot):
    head.hide_render = True
    assert left_out(shot) == ""
    head.hide_render, head.visible_camera = False, False
    assert left_out(shot) == ""
    head.visible_camera = True
    cast = collection_with(head)
    assert left_out(shot)
    bpy.context.view_layer.layer_collection.children["Cast"].exclude = True
    assert left_out(shot) == ""
    bpy.context.view_layer.layer_collection.children["Cast"].exclude = False
    cast.hide_render = True
    assert left_out(shot) == ""


def test_a_head_that_a_collection_instances_is_missed_too(head, shot):
    cast = collection_with(head)
    shot.collection.children.unlink(cast)
    assert left_out(shot) == ""
    crowd = bpy.data.objects.new("Crowd", None)
    crowd.instance_type, crowd.instance_collection = "COLLECTION", cast
    shot.collection.objects.link(crowd)
    assert left_out(shot).startswith("Crowd is not in the picture")


def test_it_is_in_once_it_was_put_in_and_not_while_compositing_is_off(head, shot):
    bpy.ops.emodifftalk.put_heads_in()
    assert left_out(shot) == "" == left_out(composite_settings(shot).heads_scene)
    shot.render.use_compositing = False
    assert "switched off under Output > Post Processing" in left_out(shot)
    shot.render.use_compositing = True
    bpy.ops.emodifftalk.take_heads_out()
    assert left_out(shot)


def test_an_animators_own_way_of_putting_heads_in_counts_and_nodes_that_lead_nowhere_do_not(head, shot):
    other = bpy.data.scenes.new("Heads")
    other.render.engine = "EMODIFFTALK"
    tree = compat.new_compositor(shot)
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene = other
    assert left_out(shot)
    output = next(node for node in tree.nodes if node.bl_idname in ("NodeGroupOutput", "CompositorNodeComposite"))
    turn = tree.nodes.new("CompositorNodeRotate")
    tree.links.new(layers.outputs["Image"], turn.inputs[0])
    tree.links.new(turn.outputs[0], output.inputs[0])
    assert left_out(shot) == ""


def test_panels_hear_of_every_edit(head, shot):
    for change in (
        lambda: setattr(head, "hide_render", True),
        lambda: setattr(head, "hide_render", False),
        lambda: bpy.ops.emodifftalk.put_heads_in(),
        lambda: setattr(shot.render, "use_compositing", False),
        lambda: setattr(shot.render, "engine", "EMODIFFTALK"),
    ):
        change()
        bpy.context.view_layer.update()
        assert left_out_for_panels(shot) == left_out(shot)


def test_the_sequencers_pictures_are_not_judged_by_the_camera(head, shot):
    strips = shot.sequence_editor_create().strips
    compat.new_text_strip(shot.sequence_editor, "Title", 1, 1, 10)
    assert left_out(shot) == ""
    strips[0].mute = True  # as prompts are
    assert left_out(shot)


def test_after_a_render_without_its_head_console_and_picture_say_so_and_once(head, shot, capfd):
    for _ in range(2):
        bpy.ops.render.render()
    said = capfd.readouterr().out
    assert said.count("EmoDiffTalk: Tiny is not in the picture: Cycles cannot draw heads. Put Heads into") == 1
    assert drawn_over_picture() == ["Tiny is not in the picture", "emodifftalk.put_heads_in"]
    bpy.ops.emodifftalk.put_heads_in()
    assert drawn_over_picture() == []
    bpy.ops.render.render()
    assert "not in the picture" not in capfd.readouterr().out and missing.state.ended == {}


def test_a_head_that_is_seen_in_some_frames_of_an_animation_is_missed_once(head, shot, tmp_path, capfd):
    for frame, hidden in ((1, True), (2, False), (3, True)):
        head.hide_render = hidden
        head.keyframe_insert("hide_render", frame=frame)
    shot.frame_start, shot.frame_end, shot.render.filepath = 1, 3, str(tmp_path / "f")
    bpy.ops.render.render(animation=True)
    assert capfd.readouterr().out.count("EmoDiffTalk: Tiny is not in the picture") == 1
    head.animation_data_clear()
    head.hide_render = True
    bpy.ops.render.render()
    assert drawn_over_picture() == []


def test_what_is_to_be_said_is_reported_when_the_render_has_ended(head, shot):
    missing.state.to_say.append("Tiny is not in the picture")
    bpy.ops.emodifftalk.report_missing_heads("EXEC_DEFAULT")
    assert missing.state.to_say == []


def test_the_queue_notes_it_on_the_shot(shot, tmp_path):
    save_tiny_subject(tmp_path / "tiny.safetensors")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    message = {
        "blend": str(tmp_path / "shot.blend"), "name": "One", "scene": "", "camera": "", "takes": {}, "format": "PNG",
        "journal": str(tmp_path / "journal.jsonl"),
    }  # fmt: skip
    assert [note for note in open_shot(message).notes if note.startswith("Tiny is not in the picture: Cycles")]
    bpy.ops.emodifftalk.put_heads_in()
    bpy.ops.wm.save_mainfile()
    assert not [note for note in open_shot(message).notes if "not in the picture" in note]


class Layout:
    """Stands for Blender's and remembers texts and operators."""

    def __init__(self, said: list[str] | None = None) -> None:
        self.said: list[str] = [] if said is None else said

    def row(self, align: bool = False) -> Layout:
        return Layout(self.said)

    def label(self, text: str, icon: str = "NONE") -> None:
        self.said.append(text)

    def operator(self, name: str, icon: str = "NONE") -> None:
        self.said.append(name)

    def separator(self) -> None:
        """No text."""


def drawn_over_picture() -> list[str]:
    """What the header of an image editor that shows the render says."""
    context = SimpleNamespace(
        space_data=SimpleNamespace(image=SimpleNamespace(type="RENDER_RESULT")), scene=bpy.context.scene
    )
    layout = Layout()
    missing._over_picture(SimpleNamespace(layout=layout), context)
    return layout.said
