"""Time of a GRPO step: TRL's GRPOTrainer, our rows and our trees, from the same model and the same answers.

    python benchmarks/grpo_tree.py [--images 2] [--questions 1] [--answers 8] [--image-tokens 256] [--json]

One tiny Qwen2.5-VL on disk, loaded by every contender. A step samples a group of answers to every question, all as
long as they may be, and then learns from a second set that was drawn once, so that all learn from the same tokens.
Every contender runs in a process of its own with the micro-batch that is fastest for it; in each repeat they take
turns. Losses and gradients of the first step prove that rows, trees and TRL do the same work. docs/benchmarks.md
says what was measured and how fair it is.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from contenders.data import make_data
from contenders.lane import Job, Part, Step, Track, apart
from contenders.race import (
    CONSOLE,
    arguments_of_a_race,
    differences,
    fastest_batch,
    figures,
    machine,
    race,
    read_arguments,
    same_work,
    say,
    speedups,
)
from rich.table import Table

CONTENDERS = ("trl", "rows", "tree", "rows-kept", "tree-kept")
"""-kept: the picture's features are computed once, before training, so that only the decoder is compared."""
CLOCKS: dict[str, tuple[str, ...]] = {
    "rollout": ("rollout",),
    "update": ("update",),
    "step": ("rollout", "update"),
    "whole": (),
}


def main() -> None:
    """Make the data, race the contenders, print the figures; with --json as an object on the last line."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        data, model = Path(scratch, "data"), Path(scratch, "model")
        make_data(data, arguments.images, arguments.questions, arguments.image_tokens, arguments.seed)
        parameters = apart(_build_model, data, model, arguments.width, arguments.image_tokens, arguments.seed)
        lengths = (arguments.shortest, arguments.longest)
        counts = apart(_draw_answers, data, model, arguments.answers, *lengths, arguments.seed)
        jobs, probes = [], {}
        for name in arguments.contenders:
            job = Job(name, 1, data, model, arguments.learning_rate, arguments.threads)
            sequences = arguments.images if _in_trees(name) else counts["answers"]
            batch, probes[name] = fastest_batch(job, _train, sequences, arguments.batches, ("update",))
            jobs.append(job._replace(batch=batch))
        steps = race(jobs, _train, arguments.repeats, arguments.steps)
    report: dict[str, Any] = {
        "settings": vars(arguments),
        "machine": machine(),
        "parameters": parameters,
        "counts": counts,
        "contenders": {
            job.contender: figures(steps[job.contender], CLOCKS, arguments.steps, counts["answers"])
            | _counted(steps[job.contender])
            | {"micro_batch": job.batch, "micro_batches_tried_ms": probes[job.contender]}
            for job in jobs
        },
    }
    report |= verdict(report["contenders"])
    show(report)
    if arguments.json:
        print(json.dumps(report))
    same_work(report)


def verdict(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Speedups of the tree by CPU time, and how far losses and gradients of the contenders are apart.

    speedup is of rollout and update together.
    """
    pairs = (("trl", "tree"), ("rows", "tree"), ("trl", "tree-kept"), ("rows-kept", "tree-kept"))
    against = {f"{slow} over {fast}": speedups(found, slow, fast, CLOCKS) for slow, fast in pairs}
    trl, rows = against["trl over tree"], against["rows over tree"]
    return {
        "speedup_vs_trl": trl["step_cpu"],
        "rollout_speedup": trl["rollout_cpu"],
        "update_speedup": trl["update_cpu"],
        "speedup_vs_rows": rows["step_cpu"],
        "kept_speedup_vs_trl": against["trl over tree-kept"]["step_cpu"],
        **differences(list(found.values())),
        "speedups": against,
    }


def show(report: dict[str, Any]) -> None:
    """The figures for people, on stderr."""
    columns = {
        "at a time": ("micro_batch", "d"),
        "rollout ms cpu": ("rollout_cpu_ms", ".1f"),
        "update ms cpu": ("update_cpu_ms", ".1f"),
        "step ms wall": ("step_wall_ms", ".1f"),
        "step ms cpu": ("step_cpu_ms", ".1f"),
        "whole ms cpu": ("whole_cpu_ms", ".1f"),
        "pictures encoded": ("pictures_encoded", ""),
        "decoder tokens": ("lm_tokens", ""),
        "peak MB": ("peak_mb", ".0f"),
        "first loss": ("first_loss", ".6f"),
        "gradient norm": ("first_gradient_norm", ".5f"),
    }
    table = Table("contender", title="an answer (ms), a step (pictures and tokens: rollout, update)")
    for title in columns:
        table.add_column(title, justify="right")
    for name, found in report["contenders"].items():
        told = ((found[field], form) for field, form in columns.values())
        table.add_row(name, *(format(v, form) if form else _both(v) for v, form in told))
    CONSOLE.print(table)
    for name in (
        "speedup_vs_trl",
        "rollout_speedup",
        "update_speedup",
        "speedup_vs_rows",
        "kept_speedup_vs_trl",
    ):
        say(name, report[name], ".2f")
    say("loss_difference", report["loss_difference"], ".1e")
    say("gradient_difference", report["gradient_difference"], ".1e")


def _both(counts: dict[str, int]) -> str:
    return f"{counts['rollout']:d}, {counts['update']:d}"


def _counted(steps: list[Step]) -> dict[str, dict[str, int]]:
    """What goes through the model in a step, by part; tokens with padding."""
    parts: dict[str, Part] = {name: steps[-1].parts[name] for name in ("rollout", "update")}
    return {
        "pictures_encoded": {name: part.pictures for name, part in parts.items()},
        "lm_tokens": {name: part.columns for name, part in parts.items()},
    }


def _in_trees(contender: str) -> bool:
    return contender.startswith("tree")


# What needs torch is imported in the children only: what this process has in memory would count as theirs.
def _build_model(*arguments: Any) -> int:
    from contenders.model import build_model

    return build_model(*arguments)


def _draw_answers(*arguments: Any) -> dict[str, int]:
    from contenders.answers import draw_answers

    return draw_answers(*arguments)


def _train(job: Job, track: Track) -> None:
    if job.contender == "trl":
        from contenders.theirs_grpo import train_trl

        return train_trl(job, track)
    from contenders.ours_grpo import train_ours

    return train_ours(job, track)


def _arguments() -> argparse.Namespace:
    parser = arguments_of_a_race(__doc__.splitlines()[0], CONTENDERS)
    parser.add_argument("--images", type=int, default=2, help="pictures of a step")
    parser.add_argument("--questions", type=int, default=1, help="of each picture")
    parser.add_argument("--answers", type=int, default=8, help="to each question: the size of a group")
    parser.add_argument(
        "--shortest", type=int, default=60, help="tokens of an answer to learn from, at least"
    )
    parser.add_argument(
        "--longest", type=int, default=150, help="at most; and of every answer that is sampled"
    )
    arguments = read_arguments(parser)
    if arguments.answers < 2:
        parser.error("--answers: a group of one has nothing to compare; take at least 2")
    if not 2 <= arguments.shortest <= arguments.longest:
        parser.error("--shortest: take at least 2, and no more than --longest")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
