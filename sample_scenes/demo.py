"""`run.py demo`: what an animator does, without a window. Opens the sample shot, generates, renders, exports.

Everything is done through the operators behind the panel's buttons, in real Blender; what lies in out/demo afterwards
was made in this run.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

ROOT = Path(__file__).resolve().parent.parent
SCENE = ROOT / "sample_scenes" / "hello.blend"
OUT = ROOT / "out" / "demo"


class Stopwatch:
    """Names the steps as they begin and remembers how long each took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step."""
        print(f"\n{name} …", flush=True)
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began
        print(f"{name}: {self.seconds[name]:.1f} s", flush=True)


def main() -> int:
    """Run the demo and return the exit code; a failure is one sentence."""
    import addon
    from emodifftalk.core.errors import UserError

    os.environ.setdefault("EMODIFFTALK_PYTHON", sys.executable)
    addon.register()
    try:
        _demo()
    except (UserError, RuntimeError) as error:
        # Operators report their sentence through a RuntimeError that begins with “Error: ”.
        print(f"demo: {str(error).strip().removeprefix('Error: ')}", file=sys.stderr)
        return 1
    finally:
        addon.unregister()
    return 0


def _demo() -> None:
    from addon.backend import connection
    from addon.scene.heads import settings
    from addon.takes.generate import job_of

    operators: Any = bpy.ops  # the stubs do not know ours
    watch = Stopwatch()
    print(f"EmoDiffTalk in Blender {bpy.app.version_string}, Python {sys.version.split()[0]}")
    with watch.step("Opening sample_scenes/hello.blend"):
        head = open_shot()
        _describe(head)
    with watch.step("Generating the take"):
        operators.emodifftalk.generate()
    take = settings(head).takes[settings(head).active_take]
    with watch.step("Rendering the shot"):
        video = render_shot(OUT / "hello.mp4")
    with watch.step("Exporting the Gaussians"):
        folder = OUT / "gaussians"
        operators.emodifftalk.export(filepath=str(folder), format="ply", overwrite=True)
    with watch.step("Laying out the contact sheet"):
        sheet = contact_sheet(video, head, OUT / "hello.png")
    bpy.ops.wm.save_mainfile()
    report = {
        "seconds": {name: round(seconds, 2) for name, seconds in watch.seconds.items()},
        "generation": job_of(head).result,
        "backend": connection.client.hello,
        "blender": bpy.app.version_string,
        "frames": take.frames,
    }
    (OUT / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    _summary(report, video, sheet, folder)


def open_shot() -> bpy.types.Object:
    """Open a copy of the sample shot in out/demo, so that its takes and pictures lie there; returns its head."""
    from addon.scene.heads import heads, settings

    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    bpy.ops.wm.open_mainfile(filepath=str(SCENE))
    scene = bpy.context.scene
    head = next(heads(scene))
    head_settings = settings(head)
    head_settings.subject_path = bpy.path.abspath(head_settings.subject_path)
    for take in head_settings.takes:
        take.path = bpy.path.abspath(take.path)
    for sound in bpy.data.sounds:
        sound.filepath = bpy.path.abspath(sound.filepath)
    bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "hello.blend"))
    return head


def render_shot(path: Path) -> Path:
    """Render the scene's frames through its engine into a video with the sequencer's sound; returns `path`."""
    scene = bpy.context.scene
    render = scene.render
    picture = render.image_settings
    if hasattr(picture, "media_type"):  # 5.0 chooses between pictures and videos first
        picture.media_type = "VIDEO"
    picture.file_format = "FFMPEG"
    picture.color_mode = "RGB"
    render.film_transparent = False
    render.ffmpeg.format = "MPEG4"
    render.ffmpeg.codec = "H264"
    render.ffmpeg.constant_rate_factor = "HIGH"
    render.ffmpeg.audio_codec = "AAC"
    render.ffmpeg.audio_bitrate = 160
    render.filepath = str(path)
    render.use_file_extension = False
    progress = _frame_progress(scene)
    bpy.app.handlers.render_post.append(progress)
    try:
        with _quiet_stdout():
            bpy.ops.render.render(animation=True)
    finally:
        bpy.app.handlers.render_post.remove(progress)
    if not path.exists():
        raise RuntimeError("Blender wrote no video: its log above says why.")
    return path


def contact_sheet(video: Path, head: bpy.types.Object, path: Path) -> Path:
    """Frames of the video under the prompts they are in, four each; returns `path`."""
    import imageio_ffmpeg
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from addon.blender.compat import left_handle, right_handle
    from addon.scene.strips import prompt_strips, prompt_words

    scene = bpy.context.scene
    reader = imageio_ffmpeg.read_frames(str(video))
    width, height = next(reader)["size"]
    frames = [np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in reader]
    prompts = prompt_strips(head, scene)
    cell, band = 400, 44
    sheet = Image.new("RGB", (4 * cell, len(prompts) * (cell + band)), (24, 25, 28))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=20)
    for row, strip in enumerate(prompts):
        start, end = left_handle(strip), min(right_handle(strip), scene.frame_end + 1)
        top = row * (cell + band)
        label = f"{(start - scene.frame_start) / scene.render.fps:.1f} s   “{prompt_words(strip)}”"
        draw.text((14, top + 10), label, fill=(236, 236, 238), font=font)
        for column in range(4):
            # From the middle of each quarter: at the edges one feeling fades into the next.
            index = round(start + (column + 0.5) / 4 * (end - start)) - scene.frame_start
            picture = Image.fromarray(frames[min(index, len(frames) - 1)]).resize(
                (cell, cell), Image.Resampling.LANCZOS
            )
            sheet.paste(picture, (column * cell, top + band))
    sheet.save(path)
    return path


def _describe(head: bpy.types.Object) -> None:
    from addon.blender.compat import left_handle
    from addon.scene.heads import settings
    from addon.scene.strips import prompt_strips, prompt_words, voice_strips

    scene = bpy.context.scene
    about = settings(head)
    print(f"  subject {about.subject_name}: {about.subject_points:,} Gaussians ({about.subject_credit})")
    strip: Any  # a SoundStrip
    for strip in voice_strips(head, scene):
        print(f"  voice   {Path(strip.sound.filepath).name}")
    for strip in prompt_strips(head, scene):
        print(f"  prompt  {(left_handle(strip) - scene.frame_start) / scene.render.fps:4.1f} s “{prompt_words(strip)}”")


def _frame_progress(scene: bpy.types.Scene) -> Callable[..., None]:
    total, began = scene.frame_end - scene.frame_start + 1, time.perf_counter()

    def progress(*_: object) -> None:
        done = scene.frame_current - scene.frame_start + 1
        if done % 25 == 0 or done == total:
            left = (time.perf_counter() - began) / done * (total - done)
            print(f"  frame {done} of {total}, {left:.0f} s left", file=sys.stderr, flush=True)

    return progress


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Blender prints three lines for every frame from C; what matters is said by our own progress."""
    sys.stdout.flush()
    stdout, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(nowhere)


def _summary(report: dict, video: Path, sheet: Path, folder: Path) -> None:
    stages = report["generation"].get("stages", {})
    models = report["generation"].get("models", {})
    backend = report["backend"]
    files = list(folder.glob("*.ply"))
    size = sum(file.stat().st_size for file in files) / 1e6
    shown = {path: path.relative_to(ROOT) for path in (video, sheet, folder)}
    print("\nDone:")
    print(f"  {shown[video]}: {report['frames']} frames of 25 per second, with the voice")
    print(f"  {shown[sheet]}: contact sheet")
    print(f"  {shown[folder]}: {len(files)} .ply files, {size:.0f} MB")
    print("  took  " + ", ".join(f"{name.lower()} {seconds:.1f} s" for name, seconds in report["seconds"].items()))
    print("  generation  " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in stages.items()))
    print("  models  " + ", ".join(f"{role.replace('_', ' ')}: {name}" for role, name in models.items()))
    print(f"  device {backend.get('device')}, rasterizer {backend.get('rasterizer')}")


if __name__ == "__main__":
    sys.exit(main())
