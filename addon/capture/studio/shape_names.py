"""Which of a character's shape keys are which: by ARKit's names, by FACS numbers, or by a person's own mapping."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from emodifftalk.core.arkit import ARKIT, ARKIT_WEIGHTS
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import ARTICULATIONS, AU_NAMES

_SIDES = {"l": "left", "r": "right", "left": "left", "right": "right"}
_FACS = re.compile(r"au0*(\d+)([a-z]*)")
_ARKIT_BY_PLAIN = {name.lower(): name for name in ARKIT}
_FACS_WEIGHTS: dict[str, tuple[tuple[int, float], ...]] = {
    **{f"AU{n:02d}": ((n, 1.0),) for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 23, 24, 25)},
    "AU26": ((26, 1.0), (27, 0.6)),
    "AU45": ((45, 1.0), (43, 1.0)),
    "pucker": ((18, 1.0),),
    "funnel": ((22, 1.0),),
    "lip_bite": ((32, 1.0), (28, 1.0)),
    "lip_press": ((24, 0.6),),
    "stretch": ((20, 1.0),),
}
"""FACS numbers a unit can be made of, with weights; the first one that a character has is taken."""
OBJECTS = "objects"
"""Entry of a mapping that lists the objects photographed with the face."""


@dataclass(frozen=True)
class Shapes:
    """The shape keys of a character that we understand.

    weights: unit (AU or articulation) to {shape key: value at intensity 1}.
    arkit: those ARKit names that there are, to shape key.
    known: all shape keys understood.
    left, right: those of them that move one side.
    """

    weights: dict[str, dict[str, float]]
    arkit: dict[str, str]
    known: frozenset[str]
    left: frozenset[str]
    right: frozenset[str]

    @property
    def aus(self) -> list[str]:
        """Action units the character can show."""
        return [name for name in AU_NAMES if name in self.weights]

    def values(self, units: dict[str, float]) -> dict[str, float]:
        """Values of all known shape keys for a pose; what the pose does not use is 0."""
        values = dict.fromkeys(self.known, 0.0)
        for unit, intensity in units.items():
            for key, weight in self.weights.get(unit, {}).items():
                values[key] += weight * intensity
        return values


def recognise(keys: Iterable[str], mapping: dict | None = None) -> Shapes:
    """Find known shapes among shape key names. mapping: as `check_mapping` takes it.

    Raises UserError when the mapping names shape keys that are not there.
    """
    keys = list(keys)
    mapped = check_mapping(mapping or {}, keys)
    arkit, facs = _find_arkit(keys), _find_facs(keys)
    for name in [name for name in mapped if name in ARKIT]:
        arkit[name] = mapped.pop(name)
    weights: dict[str, dict[str, float]] = {}
    for unit in (*AU_NAMES, *ARTICULATIONS):
        shares = mapped.get(unit) or _from_facs(unit, facs) or _from_arkit(unit, arkit)
        if shares:
            weights[unit] = shares
    used = {key for shares in (*weights.values(), *arkit.values()) for key in shares}
    used |= {key for sides in facs.values() for key in sides.values()}
    sides = {key: _side(key) for key in used}
    sides |= {key: _arkit_side(name) for name, shares in arkit.items() for key in shares}
    return Shapes(
        weights,
        {name: next(iter(shares)) for name, shares in arkit.items()},
        frozenset(used),
        frozenset(key for key, side in sides.items() if side == "left"),
        frozenset(key for key, side in sides.items() if side == "right"),
    )


def check_mapping(mapping: dict, keys: Iterable[str]) -> dict[str, dict[str, float]]:
    """A mapping as unit or ARKit name to {shape key: weight}.

    mapping: {"jawOpen": "Mouth Open", "AU12": {"Smile L": 1.0, "Smile R": 1.0}, "AU45": ["Blink L", "Blink R"]}.
    Raises UserError naming the entry that makes no sense.
    """
    keys, checked = set(keys), {}
    for name, value in mapping.items():
        if name == OBJECTS:
            continue
        unit = _unit_name(name)
        if isinstance(value, str):
            value = {value: 1.0}
        elif isinstance(value, list) and all(isinstance(key, str) for key in value):
            value = dict.fromkeys(value, 1.0)
        if not isinstance(value, dict) or not all(type(weight) in (int, float) for weight in value.values()):
            raise UserError(f"In the mapping, “{name}” needs a shape key, a list of them, or names with weights.")
        absent = sorted(set(value) - keys)
        if absent:
            raise UserError(f"In the mapping, “{name}” names the shape key “{absent[0]}”, which the character lacks.")
        checked[unit] = {key: float(weight) for key, weight in value.items()}
    return checked


def _unit_name(name: str) -> str:
    facs = re.fullmatch(r"AU0*(\d+)", name, re.IGNORECASE)
    unit = f"AU{int(facs[1]):02d}" if facs else _ARKIT_BY_PLAIN.get(name.lower(), name)
    if unit not in (*AU_NAMES, *ARTICULATIONS, *ARKIT):
        raise UserError(f"In the mapping, “{name}” is no action unit (AU01 …), articulation or ARKit shape.")
    return unit


def _words(key: str) -> list[str]:
    """A name's words in small letters, a last l or r spelt out."""
    words = [word for word in re.split(r"[^a-z0-9]+", key.lower()) if word]
    return [*words[:-1], _SIDES.get(words[-1], words[-1])] if words else []


def _find_arkit(keys: list[str]) -> dict[str, dict[str, float]]:
    """ARKit names to {shape key: 1}. A prefix is forgiven; the name with the least of it wins."""
    best: dict[str, tuple[int, str]] = {}
    for key in keys:
        words = _words(key)
        for dropped in range(len(words)):
            name = _ARKIT_BY_PLAIN.get("".join(words[dropped:]))
            if name is not None:
                best[name] = min(best.get(name, (dropped, key)), (dropped, key))
                break
    return {name: {key: 1.0} for name, (_, key) in best.items()}


def _find_facs(keys: list[str]) -> dict[int, dict[str, str]]:
    """FACS numbers to {"": shape key} for both sides or {"left": …, "right": …}."""
    numbers: dict[int, dict[str, str]] = {}
    for key in keys:
        words = _words(key)
        side = words.pop() if words and words[-1] in ("left", "right") else ""
        match = _FACS.fullmatch("".join(words))
        if match is None:
            continue
        if not side:
            side = _SIDES.get(match[2], "")
        numbers.setdefault(int(match[1]), {}).setdefault(side, key)
    return numbers


def _from_facs(unit: str, facs: dict[int, dict[str, str]]) -> dict[str, float]:
    for number, weight in _FACS_WEIGHTS.get(unit, ()):
        sides = facs.get(number)
        if sides:
            return {sides[""]: weight} if "" in sides else dict.fromkeys(sides.values(), weight)
    return {}


def _from_arkit(unit: str, arkit: dict[str, dict[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for name, weight in ARKIT_WEIGHTS[unit].items():
        for key, share in arkit.get(name, {}).items():
            total[key] = total.get(key, 0.0) + weight * share
    return total


def _arkit_side(name: str) -> str:
    # “jawLeft” moves everything, and to the side.
    if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return ""
    return "left" if name.endswith("Left") else "right" if name.endswith("Right") else ""


def _side(key: str) -> str:
    words = _words(key)
    if words and words[-1] in ("left", "right"):
        return words[-1]
    match = _FACS.fullmatch("".join(words))
    return _SIDES.get(match[2], "") if match else ""
