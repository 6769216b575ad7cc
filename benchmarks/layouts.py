"""The same questions as separate prompts, merged prompts and trees: what each layout costs and what comes of it.

The article merges its data and says that almost nothing is lost by it. Here new nanos are trained on the same
pictures and questions, asked equally often, in the three layouts, with several seeds each, and scored on pictures
of photographs they have not seen:

    python benchmarks/layouts.py TRAIN BENCH OUT --epochs 1 --seeds 0 1 2

TRAIN: a data folder with samples/combined.json. BENCH: a folder as `finesight eval` takes it (the demo makes both:
demo/train and demo/bench). A run that was killed goes on; the table is printed at the end, `--json` as one object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from contenders.seeds import table
from rich.console import Console

from finesight.data.bench import QUESTIONS, read_questions
from finesight.data.descriptions import read_descriptions
from finesight.data.merge.folder import merge_folder
from finesight.data.predictions import write_predictions
from finesight.data.readers import read_samples
from finesight.model.nano.build import NanoSize
from finesight.scoring.description import score_descriptions
from finesight.scoring.mipi import INDICATORS, score_official
from finesight.train.settings import SftConfig
from finesight.train.sft import train_sft
from finesight.train.track import read_metrics
from finesight.ui.contenders import answers_of_model

LAYOUTS = ("separate", "merge", "tree")
FOUND = ("type_f1", "box_f1", "severity_accuracy", "level_accuracy")


def main() -> None:
    arguments = parse()
    results = {layout: [measure(arguments, layout, seed) for seed in arguments.seeds] for layout in LAYOUTS}
    Console(stderr=True, width=120).print(table(results))
    if arguments.json:
        print(json.dumps(results))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="separate, merge and tree on the same questions")
    parser.add_argument("train", type=Path)
    parser.add_argument("bench", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--dense-steps", type=int, default=800)
    parser.add_argument("--questions", type=int, default=8, help="branches of a tree")
    parser.add_argument("--step-questions", type=int, default=24, help="questions a step, in every layout")
    parser.add_argument("--side", type=int, default=448, help="pictures are shrunk to this side, squared")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(arguments: argparse.Namespace, layout: str, seed: int) -> dict[str, float]:
    """Figures of one run; kept in its folder, so that it is done once.

    CPU minutes are those of this process: of a run that was killed and goes on, of the rest of it.
    """
    run = arguments.out / f"{layout}-{seed}"
    kept = run / "figures.json"
    if not kept.is_file():
        config = settings(arguments, layout, seed, run)
        began = time.process_time()
        model = train_sft(config, resume=True)
        spent = time.process_time() - began
        figures = score(arguments.bench, run, model)
        rows = read_metrics(run)
        figures |= {
            "steps": len(rows),
            "training_minutes": rows[-1]["seconds"] / 60,
            "cpu_minutes": spent / 60,
        }
        kept.write_text(json.dumps(figures))
    found: dict[str, float] = json.loads(kept.read_text())
    return found


def settings(arguments: argparse.Namespace, layout: str, seed: int, run: Path) -> SftConfig:
    """The config of a run: layouts differ in the data's form and in how many questions stand together.

    A step holds about as many questions in every layout, so there are equally many steps.
    """
    steps = max(1, round(asked(arguments.train) * arguments.epochs / arguments.step_questions))
    data, questions, batch = arguments.train, 1, arguments.step_questions
    if layout == "merge":
        data = merged(arguments)
        batch = max(1, round(asked(data) * arguments.epochs / steps))
    if layout == "tree":
        questions, batch = arguments.questions, arguments.step_questions // arguments.questions
    return SftConfig(
        data=data,
        out=run,
        model=str(base(arguments, seed)),
        steps=steps,
        batch=batch,
        questions=questions,
        learning_rate=1.5e-3,
        cache="ram",
        seed=seed,
    )


def base(arguments: argparse.Namespace, seed: int) -> Path:
    """A nano whose encoder alone has learned: what all layouts of a seed start from."""
    config = SftConfig(
        data=arguments.train,
        out=arguments.out / f"base-{seed}",
        nano=NanoSize(max_pixels=arguments.side**2),
        steps=arguments.dense_steps,
        dense_steps=arguments.dense_steps,
        batch=4,
        questions=1,
        learning_rate=1.5e-3,
        seed=seed,
    )
    return train_sft(config, resume=True)


def merged(arguments: argparse.Namespace) -> Path:
    """The training data with the questions of a picture and subclass in one prompt."""
    folder: Path = arguments.out / "merged"
    if not (folder / "samples" / "combined.json").is_file():
        merge_folder(arguments.train, folder, "merge")
    return folder


def asked(folder: Path) -> int:
    """Records of a data folder."""
    return sum(1 for _ in read_samples(folder / "samples" / "combined.json"))


def score(bench: Path, run: Path, model: Path) -> dict[str, float]:
    """The official indicators, and what descriptions found."""
    write_predictions(
        run / "predictions",
        answers_of_model(str(model), bench, read_questions(bench / QUESTIONS), lambda _: None),
    )
    official = score_official(run / "predictions", bench).record()
    found = score_descriptions(*read_descriptions(run / "predictions", bench))
    figures = {name: official[name] for name in (*INDICATORS, "final", "unparsed")}
    return figures | {name: getattr(found, name) or 0.0 for name in FOUND}


if __name__ == "__main__":
    main()
