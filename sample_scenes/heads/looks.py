"""How an actor is dressed: colours, hair, brows. Linear RGB base colours; lengths in metres."""

from __future__ import annotations

from dataclasses import dataclass

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """One actor's looks.

    skin, blush, lips, inner_lips, scalp, iris, shirt, hair, brow, cavity, sclera: colours.
    hair_style: `crop` (short, with the hairline of a man) or `bun` (long, tied at the back).
    brow_width, lash_length, brow_lift: metres; the lift is of the whole brow, upwards.
    brow_hairs: hairs of one brow.
    lip_fullness: factor on the height of the vermilion.
    stubble: 0..1, how much darker the beard makes the skin.
    """

    skin: Rgb
    blush: Rgb
    lips: Rgb
    inner_lips: Rgb
    scalp: Rgb
    iris: Rgb
    shirt: Rgb
    hair: Rgb
    brow: Rgb
    hair_style: str
    brow_width: float
    brow_hairs: int
    lash_length: float
    lip_fullness: float
    brow_lift: float
    stubble: float = 0.0
    cavity: Rgb = (0.030, 0.006, 0.005)
    sclera: Rgb = (0.60, 0.55, 0.51)


LOOKS: dict[str, Look] = {
    "caucasian_female_young": Look(
        skin=(0.50, 0.275, 0.185),
        blush=(0.52, 0.20, 0.145),
        lips=(0.40, 0.145, 0.125),
        inner_lips=(0.30, 0.075, 0.07),
        scalp=(0.11, 0.058, 0.036),
        iris=(0.030, 0.042, 0.036),
        shirt=(0.36, 0.33, 0.29),
        hair=(0.060, 0.026, 0.011),
        brow=(0.045, 0.022, 0.011),
        hair_style="bun",
        brow_width=0.0030,
        brow_hairs=330,
        lash_length=0.0052,
        lip_fullness=0.9,
        brow_lift=-0.0015,
    ),
    "african_male_young": Look(
        skin=(0.215, 0.098, 0.056),
        blush=(0.235, 0.085, 0.050),
        lips=(0.185, 0.066, 0.055),
        inner_lips=(0.25, 0.080, 0.072),
        scalp=(0.030, 0.017, 0.012),
        iris=(0.060, 0.024, 0.010),
        shirt=(0.040, 0.075, 0.110),
        hair=(0.010, 0.007, 0.005),
        brow=(0.012, 0.008, 0.006),
        hair_style="crop",
        brow_width=0.0036,
        brow_hairs=330,
        lash_length=0.0042,
        lip_fullness=1.12,
        brow_lift=-0.001,
        stubble=0.10,
    ),
}
