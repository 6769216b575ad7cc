"""Time of a trained question: TRL's SFTTrainer, our rows, our merged prompts and our trees, on the same data.

    python benchmarks/sft_tree.py [--questions 8] [--images 2] [--image-tokens 256] [--json]

One tiny Qwen2.5-VL on disk, loaded by every contender; a step of training is all questions of all pictures, its
loss the mean over their answer tokens. Every contender runs in a process of its own with the micro-batch that is
fastest for it; in each repeat they take turns. Its losses and gradients of the first step prove that rows, trees
and TRL do the same work. docs/benchmarks.md says what was measured and how fair it is.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from contenders.data import make_data
from contenders.lane import Job, Lane, Step, Track, apart
from rich.console import Console
from rich.table import Table

CONTENDERS = ("trl", "rows", "merge", "tree", "rows-kept", "tree-kept")
"""-kept: the picture's features are computed once, before training, so that only the decoder is compared."""
PROBED = 2
"""Steps by which the best micro-batch is chosen, behind one of warm-up."""
TOLERANCE = 1e-5
SPEEDS = ("step_cpu", "step_wall", "whole_cpu", "whole_wall")
CONSOLE = Console(stderr=True, width=132)


def main() -> None:
    """Make the data, race the contenders, print the figures; with --json as an object on the last line."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        data, model = Path(scratch, "data"), Path(scratch, "model")
        make_data(data, arguments.images, arguments.questions, arguments.image_tokens, arguments.seed)
        parameters = apart(_build_model, data, model, arguments.width, arguments.image_tokens, arguments.seed)
        counts = apart(_count_tokens, data, model)
        jobs, probes = [], {}
        for name in arguments.contenders:
            job = Job(name, 1, data, model, arguments.learning_rate, arguments.threads)
            batch, probes[name] = fastest_batch(job, counts, arguments.batches)
            jobs.append(job._replace(batch=batch))
        steps = race(jobs, arguments.repeats, arguments.steps)
    questions = arguments.images * arguments.questions
    report: dict[str, Any] = {
        "settings": vars(arguments),
        "machine": _machine(),
        "parameters": parameters,
        "layouts": counts,
        "contenders": {
            job.contender: figures(job, steps[job.contender], questions, arguments.steps, counts)
            | {"micro_batches_tried_ms": probes[job.contender]}
            for job in jobs
        },
    }
    report |= verdict(report["contenders"], counts)
    show(report)
    if arguments.json:
        print(json.dumps(report))
    if report["loss_difference"] > TOLERANCE or report["gradient_difference"] > TOLERANCE:
        raise SystemExit("losses or gradients differ: these times do not compare the same work")


def fastest_batch(
    job: Job, counts: dict[str, dict[str, int]], batches: list[int]
) -> tuple[int, dict[int, float]]:
    """How many sequences at a time are best for a contender, and the milliseconds a step took with each."""
    sequences = counts[_layout(job.contender)]["sequences"]
    possible = [batch for batch in batches if sequences % batch == 0]
    took = {}
    for batch in possible if len(possible) > 1 else []:
        lane = Lane(job._replace(batch=batch), _train)
        lane.step()
        took[batch] = round(1000 * min(lane.step().step.cpu for _ in range(PROBED)), 1)
        lane.close()
        CONSOLE.print(f"{job.contender}, {batch} at a time: {took[batch]:.0f} ms a step", highlight=False)
    return min(took, key=took.__getitem__) if took else possible[0], took


def race(jobs: list[Job], repeats: int, steps: int) -> dict[str, list[Step]]:
    """The steps of every contender: one of warm-up, then in each repeat `steps` of each in turn."""
    lanes = {job.contender: Lane(job, _train) for job in jobs}
    done = {name: [lane.step()] for name, lane in lanes.items()}
    for repeat in range(repeats):
        turn = list(lanes)
        # Each begins once: what else the machine does then meets all of them.
        turn = turn[repeat % len(turn) :] + turn[: repeat % len(turn)]
        for name in turn:
            done[name] += [lanes[name].step() for _ in range(steps)]
        CONSOLE.print(f"repeat {repeat + 1} of {repeats}", highlight=False)
    for lane in lanes.values():
        lane.close()
    return done


def figures(
    job: Job, steps: list[Step], questions: int, a_repeat: int, counts: dict[str, dict[str, int]]
) -> dict[str, Any]:
    """What was measured of a contender: milliseconds a question as medians over the repeats, and counts a step."""
    first, rest = steps[0], steps[1:]
    repeats = [rest[i : i + a_repeat] for i in range(0, len(rest), a_repeat)]

    def times(which: str, clock: str) -> list[float]:
        return [
            1000 * sum(getattr(getattr(s, which), clock) for s in r) / (len(r) * questions) for r in repeats
        ]

    speeds = {f"{w}_{c}": times(w, c) for w in ("step", "whole") for c in ("wall", "cpu")}
    return {
        "micro_batch": job.batch,
        "sequences": counts[_layout(job.contender)]["sequences"],
        **{f"{name}_ms": median(found) for name, found in speeds.items()},
        "step_cpu_ms_range": [min(speeds["step_cpu"]), max(speeds["step_cpu"])],
        "lm_tokens": counts[_layout(job.contender)]["tokens"],
        "lm_tokens_with_padding": rest[-1].columns,
        "pictures_encoded": rest[-1].pictures,
        "peak_mb": max(s.peak for s in steps),
        "training_mb": max(s.peak for s in steps) - first.before,
        "first_loss": first.loss,
        "first_gradient_norm": math.hypot(*first.norms.values()),
        "first_gradient_norms": first.norms,
    }


def verdict(found: dict[str, dict[str, Any]], counts: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Speedups of the tree, how they compare with the ratio of tokens, and how far the losses are apart."""

    def speedups(slow: str, fast: str) -> dict[str, float | None]:
        both = slow in found and fast in found
        return {s: found[slow][f"{s}_ms"] / found[fast][f"{s}_ms"] if both else None for s in SPEEDS}

    equal = [f for name, f in found.items() if name != "merge"]
    ideal = counts["rows"]["tokens"] / counts["tree"]["tokens"]
    against = {name: speedups(name, "tree") for name in ("trl", "rows", "merge")}
    decoder = speedups("rows-kept", "tree-kept")
    rows = against["rows"]["step_cpu"]
    return {
        "speedup_vs_trl": against["trl"]["step_cpu"],
        "speedup_vs_rows": rows,
        "ideal_ratio": ideal,
        "fraction_of_ideal": rows and rows / ideal,
        "decoder_speedup_vs_rows": decoder["step_cpu"],
        "decoder_fraction_of_ideal": decoder["step_cpu"] and decoder["step_cpu"] / ideal,
        "loss_difference": _apart([f["first_loss"] for f in equal]),
        "gradient_difference": _gradients_apart(equal),
        "speedups": against | {"rows-kept over tree-kept": decoder},
    }


def _gradients_apart(found: list[dict[str, Any]]) -> float:
    """The largest relative difference of the gradient of any weight, but for those that hardly have one."""
    floor = 1e-3 * max((f["first_gradient_norm"] for f in found), default=0.0)
    weights = found[0]["first_gradient_norms"] if found else {}
    return max((_apart([f["first_gradient_norms"][w] for f in found], floor) for w in weights), default=0.0)


def _apart(values: list[float], floor: float = 0.0) -> float:
    """How far the values are apart, relative to the largest of them, or to `floor`."""
    return (max(values) - min(values)) / max(*values, floor, 1e-12) if values else 0.0


def show(report: dict[str, Any]) -> None:
    """The figures for people, on stderr."""
    columns = {
        "at a time": ("micro_batch", "d"),
        "step ms wall": ("step_wall_ms", ".1f"),
        "step ms cpu": ("step_cpu_ms", ".1f"),
        "whole ms wall": ("whole_wall_ms", ".1f"),
        "whole ms cpu": ("whole_cpu_ms", ".1f"),
        "decoder tokens": ("lm_tokens", ",d"),
        "pictures encoded": ("pictures_encoded", "d"),
        "peak MB": ("peak_mb", ".0f"),
        "first loss": ("first_loss", ".6f"),
        "gradient norm": ("first_gradient_norm", ".5f"),
    }
    table = Table("contender", title="a trained question (ms), a step (tokens, pictures)")
    for title in columns:
        table.add_column(title, justify="right")
    for name, found in report["contenders"].items():
        table.add_row(name, *(format(found[field], form) for field, form in columns.values()))
    CONSOLE.print(table)
    for name in ("speedup_vs_trl", "speedup_vs_rows", "ideal_ratio", "fraction_of_ideal"):
        _say(name, report[name], ".2f")
    _say("decoder_speedup_vs_rows", report["decoder_speedup_vs_rows"], ".2f")
    _say("decoder_fraction_of_ideal", report["decoder_fraction_of_ideal"], ".2f")
    _say("loss_difference", report["loss_difference"], ".1e")
    _say("gradient_difference", report["gradient_difference"], ".1e")


def _say(name: str, value: float | None, form: str) -> None:
    CONSOLE.print(f"{name:27}{'not measured' if value is None else format(value, form)}", highlight=False)


def _layout(contender: str) -> str:
    """Which of the counted layouts a contender trains."""
    return "rows" if contender == "trl" else contender.removesuffix("-kept")


# What needs torch is imported in the children only: what this process has in memory would count as theirs.
def _build_model(*arguments: Any) -> int:
    from contenders.model import build_model

    return build_model(*arguments)


def _count_tokens(*arguments: Any) -> dict[str, dict[str, int]]:
    from contenders.ours import count_tokens

    return count_tokens(*arguments)


def _train(job: Job, track: Track) -> None:
    if job.contender == "trl":
        from contenders.theirs import train_trl

        return train_trl(job, track)
    from contenders.ours import train_ours

    return train_ours(job, track)


def _machine() -> dict[str, str]:
    found = {"python": platform.python_version(), "processor": platform.processor() or platform.machine()}
    for package in ("torch", "transformers", "trl"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=8, help="of each picture")
    parser.add_argument(
        "--images", type=int, default=2, help="pictures; a step trains all of their questions"
    )
    parser.add_argument("--image-tokens", type=int, default=256, help="of a picture, 28 x 28 px each")
    parser.add_argument("--width", type=int, default=256, help="of the model, a multiple of 64")
    parser.add_argument("--steps", type=int, default=2, help="of each contender in a repeat")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--batches", type=_numbers, default=[1, 2, 4, 8, 16], help="micro-batches to try, 1,2,4"
    )
    parser.add_argument("--contenders", type=_names, default=list(CONTENDERS), help=",".join(CONTENDERS))
    parser.add_argument("--learning-rate", type=float, default=1e-5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if "trl" in arguments.contenders and not (find_spec("trl") and find_spec("datasets")):
        others = ",".join(name for name in arguments.contenders if name != "trl")
        parser.error(f"TRL is not installed: pip install 'finesight[oracle]', or --contenders {others}")
    return arguments


def _numbers(text: str) -> list[int]:
    return sorted({1, *map(int, text.split(","))})


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(CONTENDERS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not among {', '.join(CONTENDERS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
