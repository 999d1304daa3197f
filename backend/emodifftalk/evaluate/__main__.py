"""`python3 run.py evaluate`: score the sample subjects, or anybody's frames, on the shipped held-out set."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from ..core.errors import Cancelled, UserError
from ..core.performance import Prompt
from ..core.progress_line import ProgressLine
from ..core.watch import Watch
from ..core.whole_file import whole_file
from . import against, tables
from .held_out_set import SHIPPED, HeldOutSet, load_held_out
from .into import write_between
from .measure import Evaluation, MeasureOptions, evaluate
from .perceptual import Lpips

_KINDS = {"jpg": "JPEG", "png": "PNG"}
_ROOT = Path(__file__).parents[3]
_EXAMPLES = """examples:
  python3 run.py evaluate                                      all tables and pictures into out/evaluation
  python3 run.py evaluate --subject nora --no-ablation         one subject, without the paper's Table 3
  python3 run.py evaluate --against frames/                    score rendered frames of your own
  python3 run.py evaluate --into docs/science/evaluation.md    and put the tables between that file's two marks
"""


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, evaluate, return the exit code."""
    options = _parser().parse_args(arguments)
    line = ProgressLine()
    try:
        held_out = load_held_out(options.held_out)
        out = Path(options.out)
        if options.against:
            scores = against.score_folder(Path(options.against), held_out, Lpips(options.lpips_weights), Watch(line))
            _write(out, f"against_{scores.name}", against.markdown(scores), against.as_json(scores))
            return 0
        if options.feelings:
            _feelings(held_out, _options(options, held_out).subjects, out, line)
            return 0
        evaluation = evaluate(held_out, _options(options, held_out), Watch(line))
        line.close()
        text = tables.markdown(evaluation)
        _write(out, "evaluation", text, tables.as_json(evaluation))
        _draw(evaluation, out)
        if options.into:
            target = Path(options.into)
            write_between(target, text)
            _draw(evaluation, target.parent, "evaluation-")
        return 0
    except UserError as error:
        print(f"\nevaluate: {error}", file=sys.stderr)
        return 1
    except (Cancelled, KeyboardInterrupt):
        print("\nevaluate: cancelled.", file=sys.stderr)
        return 130


def _feelings(held_out: HeldOutSet, subjects: dict[str, Path], out: Path, line: ProgressLine) -> None:
    """Measure and draw what prompts do, see `feelings`. Raises UserError."""
    from . import feeling_pictures, feelings

    measured = feelings.measure_feelings(held_out, subjects, Watch(line))
    line.close()
    _write(out, "feelings", feelings.table(measured), feelings.as_json(measured))
    first, plain = next(iter(subjects.values())), feelings.neutral_performance(held_out)
    silence = replace(plain, voice=(), duration=0.4)
    moods = (Prompt("calm", 0.0, 1.3, 0.0, 0.7, id="a"), Prompt("worried", 0.6, 2.7, 0.7, 0.7, id="b"),
             Prompt("relieved", 2.0, 9.0, 0.7, 0.0, id="c"))  # fmt: skip
    pictures = {
        "feelings-sheet.jpg": feeling_pictures.sheet(measured),
        "feelings-ring.jpg": feeling_pictures.ring(first, silence),
        "feelings-changing.jpg": feeling_pictures.changing_mood(first, plain, moods),
    }
    for name, picture in pictures.items():
        try:
            with whole_file(out / name) as stream:
                picture.save(stream, "JPEG", optimize=True, quality=90, subsampling=0)
        except OSError as error:
            raise UserError(f"{out / name} cannot be written: {error.strerror}.") from error
        print(f"Drawn: {out / name}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py evaluate",
        description="The tables of the paper on held-out sentences, voices and cameras, each with its protocol. "
        "Needs no download; the set is ours and synthetic.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--subject", action="append", help="only this one, or NAME=FILE for another file")
    parser.add_argument("--against", metavar="DIR", help="score the frames in DIR, named like the true pictures")
    parser.add_argument("--feelings", action="store_true", help="what prompts do to the face instead: table, pictures")
    parser.add_argument("--out", default="out/evaluation", help="folder to write into (default: %(default)s)")
    parser.add_argument("--into", metavar="FILE.md", help="also replace the tables in this Markdown file")
    parser.add_argument("--no-ablation", action="store_true", help="only the full system, not the paper's Table 3")
    parser.add_argument("--steps", type=int, default=10, help="DDIM steps of the diffusion (default: %(default)s)")
    parser.add_argument("--lpips-weights", metavar="FILE", help="torchvision's AlexNet weights")
    parser.add_argument("--rasterizer", default="auto", help="auto, cpu or gsplat")
    parser.add_argument("--held-out", default=str(SHIPPED), help="folder of the held-out set")
    return parser


def _options(options: argparse.Namespace, held_out: HeldOutSet) -> MeasureOptions:
    subjects = {}
    for word in options.subject or held_out.sitters:
        name, _, path = word.partition("=")
        subjects[name] = Path(path) if path else _ROOT / "sample_scenes" / "subjects" / f"{name}.safetensors"
    weights = Path(options.lpips_weights) if options.lpips_weights else None
    return MeasureOptions(subjects, not options.no_ablation, options.steps, weights, options.rasterizer)


def _write(out: Path, name: str, text: str, data: dict) -> None:
    """Print the tables and write them beside their JSON. Raises UserError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with whole_file(out / f"{name}.md") as page, whole_file(out / f"{name}.json") as numbers:
            page.write(f"# Evaluation\n\n{text}".encode())
            numbers.write(f"{json.dumps(data, indent=1, ensure_ascii=False)}\n".encode())
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}.") from error
    print(f"\n{text}\nWritten: {out / name}.md, {out / name}.json")


def _draw(evaluation: Evaluation, folder: Path, prefix: str = "") -> None:
    """Film strips and curves as pictures. Raises UserError."""
    from .curves import curve_sheet
    from .strips import feeling_strip, word_strip

    subjects = dict.fromkeys(one.subject for one in evaluation.measured["full"].seen)
    for subject in subjects:
        drawn = (("words", "jpg", word_strip), ("feelings", "jpg", feeling_strip), ("curves", "png", curve_sheet))
        for kind, suffix, draw in drawn:
            path, sheet = folder / f"{prefix}{kind}-{subject}.{suffix}", draw(evaluation, subject)
            if sheet is None:
                continue
            try:
                with whole_file(path) as stream:
                    sheet.save(stream, _KINDS[suffix], optimize=True, quality=92, subsampling=0)
            except OSError as error:
                raise UserError(f"{path} cannot be written: {error.strerror}.") from error
            print(f"Drawn: {path}")


if __name__ == "__main__":
    sys.exit(main())
