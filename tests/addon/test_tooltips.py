"""Whatever can be pressed, typed into or switched says what it does, in Blender's manner: without a full stop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

bpy = pytest.importorskip("bpy")

SMALL = {"a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "or", "out", "the", "to", "with"}
"""Words that stay small within a title."""


def ours(base: type) -> list[type]:
    """The add-on's own classes of a kind, as they are registered now."""
    found = list(base.__subclasses__())
    for cls in found:
        found += cls.__subclasses__()
    return [cls for cls in dict.fromkeys(found) if cls.__module__.startswith("addon.") and cls.is_registered]


def known_as(cls: type) -> bpy.types.Struct:
    """What Blender knows of a class; of operators it keeps that in another place."""
    if not issubclass(cls, bpy.types.Operator):
        return cls.bl_rna
    module, name = cls.bl_idname.split(".")
    return getattr(getattr(bpy.ops, module), name).get_rna_type()


def tooltip(cls: type) -> str:
    """What is shown over the button of an operator or a menu."""
    return known_as(cls).description or getattr(cls, "bl_description", "") or cls.__doc__ or ""


def controls() -> Iterator[tuple[str, bpy.types.Property]]:
    """Every property that a person can meet, and where it is."""
    for base in (bpy.types.Operator, bpy.types.PropertyGroup, bpy.types.AddonPreferences):
        given = set(base.bl_rna.properties.keys())
        for cls in ours(base):
            for prop in known_as(cls).properties:
                if prop.identifier not in given and not prop.is_hidden and not holds_a_group(prop):
                    yield f"{cls.__name__}.{prop.identifier}", prop


def holds_a_group(prop: bpy.types.Property) -> bool:
    """Whether it is no control itself: what it holds has controls."""
    kind = getattr(prop, "fixed_type", None)
    return kind is not None and kind.identifier in {cls.__name__ for cls in ours(bpy.types.PropertyGroup)}


def fault(text: str) -> str:
    """What is wrong with a tooltip; empty when nothing is."""
    if not text.strip():
        return "says nothing"
    if text.endswith("."):
        return "ends with a full stop"
    return "is broken or indented" if "\n" in text or "  " in text else ""


def is_title(text: str) -> bool:
    """Whether every word begins with a capital, but for small ones within."""
    words = text.split()
    return all(word[0].isupper() or not word[0].isalpha() or (i and word in SMALL) for i, word in enumerate(words))


def test_every_operator_and_menu_says_what_it_does(addon):
    classes = ours(bpy.types.Operator) + ours(bpy.types.Menu)
    assert len(classes) > 40
    faults = {cls.__name__: fault(tooltip(cls)) for cls in classes}
    assert {name: what for name, what in faults.items() if what} == {}


def test_every_property_has_a_name_and_says_what_it_does(addon):
    found = dict(controls())
    assert len(found) > 150
    faults = {place: fault(prop.description) for place, prop in found.items()}
    faults |= {place: "has no name" for place, prop in found.items() if prop.name in ("", prop.identifier)}
    assert {place: what for place, what in faults.items() if what} == {}


def test_every_choice_says_what_it_means(addon):
    choices = {
        f"{place} {item.identifier}": fault(item.description)
        for place, prop in controls() if prop.type == "ENUM" for item in prop.enum_items
    }  # fmt: skip
    assert len(choices) > 40
    assert {place: what for place, what in choices.items() if what} == {}


def test_every_label_is_a_title(addon):
    classes = [cls for base in (bpy.types.Operator, bpy.types.Menu, bpy.types.Panel) for cls in ours(base)]
    labels = {cls.__name__: cls.bl_label for cls in classes if cls.bl_label}
    assert len(labels) > 60
    assert {name: label for name, label in labels.items() if not is_title(label)} == {}
