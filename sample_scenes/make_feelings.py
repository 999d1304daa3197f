"""Makes `feelings.png`: the sample head at one moment of the sample sentence under four prompts, and which AUs rose.

From the repository root, with the environment of run.py: `python sample_scenes/make_feelings.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "backend"))

from emodifftalk.core.facs import AU_LABELS, AU_NAMES  # noqa: E402
from emodifftalk.core.performance import Performance, Prompt, VoiceStrip  # noqa: E402
from emodifftalk.core.subject import load_subject  # noqa: E402
from emodifftalk.core.take import Take, load_take  # noqa: E402
from emodifftalk.export.framing import portrait_camera  # noqa: E402
from emodifftalk.perform import perform  # noqa: E402
from emodifftalk.splat.render import render  # noqa: E402

PROMPTS = ("happy", "sad", "angry", "surprised")
MOMENT = 2.28
"""Seconds: the pause after the first sentence, where nothing but the feeling shows."""
SIZE = 512
BACKDROP = (0.23, 0.24, 0.26)


def main() -> None:
    """Perform the sentence under each prompt, draw the moment, print what rose against no prompt at all."""
    path = HERE / "subjects" / "nora.safetensors"
    subject = load_subject(path)
    camera = portrait_camera(subject, SIZE)
    sheet = Image.new("RGB", (SIZE * len(PROMPTS), SIZE + 52), (24, 25, 28))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=24)
    plain = _take(path, ())
    for column, words in enumerate(PROMPTS):
        take = _take(path, (Prompt(words),))
        image, _, _ = render(take.at(MOMENT).gaussians(subject), camera, BACKDROP)
        picture = Image.fromarray(np.rint(image.clip(0, 1) * 255).astype(np.uint8))
        sheet.paste(picture, (column * SIZE, 52))
        draw.text((column * SIZE + 16, 12), f"“{words}”", fill=(236, 236, 238), font=font)
        rise = dict(zip(AU_NAMES, (take.aus - plain.aus).mean(axis=0).tolist(), strict=True))
        rose = sorted((au for au in AU_NAMES if rise[au] > 0.05), key=rise.get, reverse=True)
        print(f"{words}: " + ", ".join(f"{au} {AU_LABELS[au]} +{rise[au]:.2f}" for au in rose))
    sheet.save(HERE / "feelings.png")


def _take(subject: Path, prompts: tuple[Prompt, ...]) -> Take:
    performance = Performance(voice=(VoiceStrip(HERE / "hello.wav"),), prompts=prompts)
    out = HERE.parent / "out" / "feelings" / f"{prompts[0].text if prompts else 'no prompt'}.safetensors"
    perform(subject, performance, out)
    return load_take(out)


if __name__ == "__main__":
    main()
