"""The page of a pipeline: the table, the curves of its runs, what was mined, how long it took. One file, offline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from finesight.data.bench import QUESTIONS, read_questions
from finesight.data.folder import image_path
from finesight.data.images import load_picture
from finesight.data.mine.report import MiningReport
from finesight.data.readers import read_submission
from finesight.model.diagnose import outcome_of
from finesight.model.protocol import Completion
from finesight.schema.picture import Outcome, Picture
from finesight.train.pipeline_settings import BASE, EVAL, GRPO, SFT, PipelineConfig
from finesight.ui.comparison import (
    Comparison,
    main_table,
    merging_table,
    mining_table,
    strict_table,
    time_table,
)
from finesight.ui.curves import draw_runs, picture
from finesight.ui.mining import guesses_told
from finesight.ui.mining_plot import draw_mining
from finesight.ui.report import Section, picture_px, write_report
from finesight.ui.runs import read_runs

SHOWN = 16
"""Bench pictures on the page, with what the last contender says of them."""


def write_page(config: PipelineConfig, found: Comparison, path: Path) -> None:
    """Write the page of a pipeline that is done."""
    said = list(_described(config, list(found.scores)[-1]))
    sections = [*_scores(found), *_runs(config, found), *_data(found), _times(found)]
    write_report(path, said, title="finesight pipeline", sections=sections, side_px=picture_px(len(said)))


def _scores(found: Comparison) -> Iterator[Section]:
    contenders = tuple(found.scores)
    pictures = next(iter(found.scores.values())).descriptions.pictures
    models = "; ".join(f"{name}: {model}" for name, model in found.models.items())
    yield Section(
        title="What each stage was good for",
        columns=("figure", *contenders),
        rows=main_table(found),
        caption=f"{pictures} pictures, higher is better; the six indicators and final as the organisers count "
        f"them, strict: every question counts once. In brackets 95 % intervals over pictures. {models}",
    )
    yield Section(
        title="The six under the strict protocol",
        columns=("figure", *contenders, *(f"gained by {name}" for name in found.gained)),
        rows=strict_table(found),
        caption="Gained: over the contender before it, both on the same pictures in every resample.",
    )


def _runs(config: PipelineConfig, found: Comparison) -> Iterator[Section]:
    runs = {BASE: "Training of the base", SFT: "Supervised fine-tuning", GRPO: "GRPO"}
    for name, title in runs.items():
        if name in found.times:
            drawn = picture(draw_runs(read_runs([config.out / name])), ".png")
            yield Section(title=title, picture=drawn)


def _data(found: Comparison) -> Iterator[Section]:
    if found.merging:
        yield Section(
            title="An epoch in each layout",
            columns=("layout", "sequences", "pictures encoded", "tokens", "trained tokens"),
            rows=merging_table(found.merging),
            caption="What was trained on is merged.",
        )
    if found.mining:
        yield Section(
            title="What was mined",
            columns=("kind", "groups", "prompts kept", *map(str, found.mining.dropped)),
            rows=mining_table(found.mining),
            picture=draw_mining(found.mining),
            caption=_mined(found.mining),
        )


def _mined(report: MiningReport) -> str:
    warning = guesses_told(report)
    return f"{report.kept:,} prompts that ask {report.questions:,} questions" + (
        f"; {warning}" if warning else ""
    )


def _times(found: Comparison) -> Section:
    return Section(
        title="Time",
        columns=("stage", "h:mm:ss", "starts"),
        rows=time_table(found),
        caption="Of the last start of each stage; one that was killed and went on had more than one.",
    )


def _described(config: PipelineConfig, name: str) -> Iterator[tuple[Outcome, Picture | None]]:
    """The first pictures of the bench with the descriptions that a contender gave."""
    answers = read_submission(config.out / EVAL / name).descriptions
    texts = {answer.image: answer.text for answer in answers if answer.text is not None}
    images = dict.fromkeys(question.image for question in read_questions(config.bench / QUESTIONS))
    for image in [image for image in images if image in texts][:SHOWN]:
        seen = load_picture(image_path(config.bench, image))
        yield outcome_of(seen, Completion(texts[image]), name), seen
