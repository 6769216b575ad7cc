"""What every race shares: the best micro-batch of each contender, taking turns, and whether their work is equal."""

from __future__ import annotations

import argparse
import math
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from statistics import median
from typing import Any

from rich.console import Console

from contenders.lane import Job, Lane, Step, Track

PROBED = 2
"""Steps by which the best micro-batch is chosen, behind one of warm-up."""
TOLERANCE = 1e-5
CONSOLE = Console(stderr=True, width=150)
Train = Callable[[Job, Track], None]
Clocks = dict[str, tuple[str, ...]]
"""Times that are told, each as the parts that make it; none: all of the step."""


def fastest_batch(
    job: Job, train: Train, sequences: int, batches: Sequence[int], parts: Sequence[str]
) -> tuple[int, dict[int, float]]:
    """How many sequences at a time are best for some parts of a contender's step, and the milliseconds they took."""
    possible = [batch for batch in batches if sequences % batch == 0]
    took = {}
    for batch in possible if len(possible) > 1 else []:
        lane = Lane(job._replace(batch=batch), train)
        lane.step()
        took[batch] = round(1000 * min(lane.step().took(*parts).cpu for _ in range(PROBED)), 1)
        lane.close()
        CONSOLE.print(
            f"{job.contender}, {batch} at a time: {took[batch]:.0f} ms of {' and '.join(parts)}",
            highlight=False,
        )
    return min(took, key=took.__getitem__) if took else possible[0], took


def race(jobs: Sequence[Job], train: Train, repeats: int, steps: int) -> dict[str, list[Step]]:
    """The steps of every contender: one of warm-up, then in each repeat `steps` of each in turn."""
    lanes = {job.contender: Lane(job, train) for job in jobs}
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


def figures(steps: Sequence[Step], clocks: Clocks, a_repeat: int, trained: int) -> dict[str, Any]:
    """Milliseconds a trained item as medians over the repeats, with their range; memory; loss and gradients.

    Args:
        steps: one of warm-up, then `a_repeat` of each repeat. trained: items that a step trains.
    """
    first, rest = steps[0], steps[1:]
    repeats = [rest[i : i + a_repeat] for i in range(0, len(rest), a_repeat)]
    told: dict[str, Any] = {}
    for name, parts in clocks.items():
        for clock in ("wall", "cpu"):
            taken = [
                1000
                * sum(getattr(s.took(*parts) if parts else s.whole, clock) for s in some)
                / (len(some) * trained)
                for some in repeats
            ]
            told[f"{name}_{clock}_ms"] = median(taken)
            told[f"{name}_{clock}_ms_range"] = [min(taken), max(taken)]
    return told | {
        "peak_mb": max(s.peak for s in steps),
        "training_mb": max(s.peak for s in steps) - first.before,
        "first_loss": first.loss,
        "first_gradient_norm": math.hypot(*first.norms.values()),
        "first_gradient_norms": first.norms,
    }


def speedups(
    found: dict[str, dict[str, Any]], slow: str, fast: str, clocks: Clocks
) -> dict[str, float | None]:
    """How many times as long one contender takes as another, by name of the time; None where one did not run."""
    both = slow in found and fast in found
    names = [f"{name}_{clock}" for name in clocks for clock in ("cpu", "wall")]
    return {n: found[slow][f"{n}_ms"] / found[fast][f"{n}_ms"] if both else None for n in names}


def differences(equal: Sequence[dict[str, Any]]) -> dict[str, float]:
    """How far the first losses, and the gradients of any weight, are apart among contenders that do the same."""
    return {
        "loss_difference": apart_by([f["first_loss"] for f in equal]),
        "gradient_difference": _gradients_apart(equal),
    }


def same_work(report: dict[str, Any]) -> None:
    """Raises: SystemExit where losses or gradients differ."""
    if report["loss_difference"] > TOLERANCE or report["gradient_difference"] > TOLERANCE:
        raise SystemExit("losses or gradients differ: these times do not compare the same work")


def apart_by(values: Sequence[float], floor: float = 0.0) -> float:
    """How far the values are apart, relative to the largest of them, or to `floor`."""
    return (max(values) - min(values)) / max(*map(abs, values), floor, 1e-12) if values else 0.0


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    found = {"python": platform.python_version(), "processor": platform.processor() or platform.machine()}
    for package in ("torch", "transformers", "trl"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def say(name: str, value: float | None, form: str) -> None:
    CONSOLE.print(f"{name:27}{'not measured' if value is None else format(value, form)}", highlight=False)


def arguments_of_a_race(description: str, contenders: Sequence[str]) -> argparse.ArgumentParser:
    """A parser with the options that all races have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--image-tokens", type=int, default=256, help="of a picture, 28 x 28 px each")
    parser.add_argument("--width", type=int, default=256, help="of the model, a multiple of 64")
    parser.add_argument("--steps", type=int, default=2, help="of each contender in a repeat")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--batches", type=_numbers, default=[1, 2, 4, 8, 16], help="micro-batches to try, 1,2,4"
    )
    parser.add_argument(
        "--contenders", type=_among(contenders), default=list(contenders), help=",".join(contenders)
    )
    parser.add_argument("--learning-rate", type=float, default=1e-5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser


def read_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Exits where TRL is to run and is not there."""
    arguments = parser.parse_args()
    if "trl" in arguments.contenders and not (find_spec("trl") and find_spec("datasets")):
        others = ",".join(name for name in arguments.contenders if name != "trl")
        parser.error(f"TRL is not installed: pip install 'finesight[oracle]', or --contenders {others}")
    return arguments


def _gradients_apart(found: Sequence[dict[str, Any]]) -> float:
    """The largest relative difference of the gradient of any weight, but for those that hardly have one."""
    floor = 1e-3 * max((f["first_gradient_norm"] for f in found), default=0.0)
    weights = found[0]["first_gradient_norms"] if found else {}
    return max((apart_by([f["first_gradient_norms"][w] for f in found], floor) for w in weights), default=0.0)


def _numbers(text: str) -> list[int]:
    return sorted({1, *map(int, text.split(","))})


def _among(contenders: Sequence[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        found = text.split(",")
        if unknown := set(found) - set(contenders):
            raise argparse.ArgumentTypeError(
                f"{', '.join(sorted(unknown))}: not among {', '.join(contenders)}"
            )
        return found

    return names
