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
import sys
import tempfile
from pathlib import Path
from typing import Any

from contenders.data import make_data
from contenders.lane import Job, Step, Track, apart
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

CONTENDERS = ("trl", "rows", "merge", "tree", "rows-kept", "tree-kept")
"""-kept: the picture's features are computed once, before training, so that only the decoder is compared."""
CLOCKS: dict[str, tuple[str, ...]] = {"step": ("step",), "whole": ()}


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
            sequences = counts[_layout(name)]["sequences"]
            batch, probes[name] = fastest_batch(job, _train, sequences, arguments.batches, ("step",))
            jobs.append(job._replace(batch=batch))
        steps = race(jobs, _train, arguments.repeats, arguments.steps)
    questions = arguments.images * arguments.questions
    report: dict[str, Any] = {
        "settings": vars(arguments),
        "machine": machine(),
        "parameters": parameters,
        "layouts": counts,
        "contenders": {
            job.contender: figures(steps[job.contender], CLOCKS, arguments.steps, questions)
            | _counted(job, steps[job.contender], counts)
            | {"micro_batches_tried_ms": probes[job.contender]}
            for job in jobs
        },
    }
    report |= verdict(report["contenders"], counts)
    show(report)
    if arguments.json:
        print(json.dumps(report))
    same_work(report)


def verdict(found: dict[str, dict[str, Any]], counts: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Speedups of the tree, how they compare with the ratio of tokens, and how far the losses are apart."""
    ideal = counts["rows"]["tokens"] / counts["tree"]["tokens"]
    against = {name: speedups(found, name, "tree", CLOCKS) for name in ("trl", "rows", "merge")}
    decoder = speedups(found, "rows-kept", "tree-kept", CLOCKS)
    rows = against["rows"]["step_cpu"]
    return {
        "speedup_vs_trl": against["trl"]["step_cpu"],
        "speedup_vs_rows": rows,
        "ideal_ratio": ideal,
        "fraction_of_ideal": rows and rows / ideal,
        "decoder_speedup_vs_rows": decoder["step_cpu"],
        "decoder_fraction_of_ideal": decoder["step_cpu"] and decoder["step_cpu"] / ideal,
        **differences([f for name, f in found.items() if name != "merge"]),
        "speedups": against | {"rows-kept over tree-kept": decoder},
    }


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
        say(name, report[name], ".2f")
    say("decoder_speedup_vs_rows", report["decoder_speedup_vs_rows"], ".2f")
    say("decoder_fraction_of_ideal", report["decoder_fraction_of_ideal"], ".2f")
    say("loss_difference", report["loss_difference"], ".1e")
    say("gradient_difference", report["gradient_difference"], ".1e")


def _counted(job: Job, steps: list[Step], counts: dict[str, dict[str, int]]) -> dict[str, int]:
    """What goes through the model in a step."""
    layout, did = counts[_layout(job.contender)], steps[-1].parts["step"]
    return {
        "micro_batch": job.batch,
        "sequences": layout["sequences"],
        "lm_tokens": layout["tokens"],
        "lm_tokens_with_padding": did.columns,
        "pictures_encoded": did.pictures,
    }


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


def _arguments() -> argparse.Namespace:
    parser = arguments_of_a_race(__doc__.splitlines()[0], CONTENDERS)
    parser.add_argument("--questions", type=int, default=8, help="of each picture")
    parser.add_argument(
        "--images", type=int, default=2, help="pictures; a step trains all of their questions"
    )
    return read_arguments(parser)


if __name__ == "__main__":
    sys.exit(main())
