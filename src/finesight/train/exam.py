"""A model put to a bench: its answers, and what they score under both protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console
from rich.progress import Progress

from finesight.data.atomic import write_text
from finesight.data.bench import QUESTIONS, read_questions
from finesight.data.descriptions import read_descriptions
from finesight.data.folder import IMAGES
from finesight.data.predictions import write_predictions
from finesight.data.readers import read_reference, read_submission
from finesight.data.readers.challenge import CHOICES, PICTURES, REGIONS
from finesight.data.stages import Source
from finesight.errors import InputError
from finesight.model.bench import answer_bench
from finesight.model.generate import TreeGenerator
from finesight.model.load import load_model
from finesight.scoring.description import DescriptionScore, score_descriptions
from finesight.scoring.mipi import Difference, score_difference, score_official, score_strict
from finesight.train.ranks import Ranks
from finesight.train.settings import Precision

SCORES = "scores.json"


class Scores(BaseModel):
    """What a bench says of one contender: the six as `finesight eval mipi` gives them, and its descriptions."""

    model_config = ConfigDict(frozen=True)

    official: dict[str, Any]
    strict: dict[str, Any]
    descriptions: DescriptionScore


def examine(
    model: str,
    bench: Path,
    out: Path,
    precision: Precision = "fp32",
    answer_tokens: int = 512,
    rows: int = 32,
) -> None:
    """Let a model answer a bench; `out` has the three prediction files then, and `scores.json`.

    Every process answers the questions about its share of the pictures.

    Args:
        answer_tokens: of the longest answer. rows: answers written at a time.

    Raises:
        InputError, ModelError: a bench or a model that cannot be read.
    """
    ranks = Ranks(precision=precision)
    questions = read_questions(bench / QUESTIONS)
    images = sorted({question.image for question in questions})
    mine = set(images[ranks.index :: ranks.count])
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    generator = TreeGenerator(load_model(model, str(ranks.device), kind), answer_tokens, rows)
    with ranks.apart(), Progress(console=Console(stderr=True, quiet=not ranks.main), transient=True) as bar:
        task = bar.add_task(f"answers of {model}", total=len(mine))
        asked = [question for question in questions if question.image in mine]
        answers = answer_bench(generator, bench, asked, lambda n: bar.advance(task, n))
    together = dict(ranks.gather(answers))
    if ranks.main:
        write_predictions(out, [(question, together[question]) for question in questions])
        write_text(out / SCORES, score_folder(out, bench).model_dump_json(indent=1) + "\n")
    ranks.close()


def score_folder(predictions: Path, bench: Path) -> Scores:
    """The scores of the prediction files of a folder.

    Raises:
        InputError: they or the truth cannot be read.
    """
    return Scores(
        official=score_official(predictions, bench).record(),
        strict=score_strict(read_submission(predictions), read_reference(bench)).record(),
        descriptions=score_descriptions(*read_descriptions(predictions, bench)),
    )


def read_scores(folder: Path) -> Scores:
    """What `examine` has left in a folder.

    Raises:
        InputError: nothing, or something else.
    """
    try:
        return Scores.model_validate_json((folder / SCORES).read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder / SCORES}: {reason}; remove the folder to have it made again") from error


def compare(before: Path, after: Path, bench: Path) -> dict[str, Difference]:
    """By how much the predictions of `after` are better than those of `before`, strictly and picture by picture."""
    return score_difference(read_submission(before), read_submission(after), read_reference(bench))


def sources_of(bench: Path) -> tuple[Source, ...]:
    """All that scores on a bench depend on."""
    files = (QUESTIONS, CHOICES, REGIONS, PICTURES)
    return (*(Source(bench / name) for name in files), Source(bench / IMAGES, by_content=False))
