"""SFT and GRPO as one path: merge -> SFT -> rollouts -> mining -> GRPO -> what each was good for on a bench.

Every stage leaves its result in a folder of its own under OUT and is not repeated while its settings and what it
reads stay the same. So a pipeline that was killed goes on, and one with another setting repeats only what hangs on
it; runs and rollouts that were there before are put aside in OUT/replaced, never removed.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from finesight.data.atomic import write_text
from finesight.data.folder import IMAGES, SAMPLES
from finesight.data.merge.folder import merge_folder
from finesight.data.mine.folder import RECORD, mine_folder
from finesight.data.readers.samples import COMBINED
from finesight.data.rollouts import Shard
from finesight.data.stages import (
    Outlook,
    Source,
    Stage,
    Stamp,
    Tell,
    do,
    look,
    mark,
    put_aside,
    read_stamp,
)
from finesight.train.bars import count_bar
from finesight.train.exam import SCORES, examine, sources_of
from finesight.train.grpo import train_grpo
from finesight.train.pipeline_settings import (
    EVAL,
    GRPO,
    MERGED,
    MINED,
    MODEL,
    ROLLOUTS,
    STAGES,
    PipelineConfig,
)
from finesight.train.policy.settings import GrpoConfig
from finesight.train.prepare import FEATURES
from finesight.train.ranks import together
from finesight.train.roll_ranks import roll_out, score_rollouts
from finesight.train.run import MACHINE_FIELDS
from finesight.train.settings import Precision, SftConfig
from finesight.train.sft import train_sft

CONFIG, MERGE_REPORT, REPLACED = "config.json", "merge.json", "replaced"


def run_pipeline(
    config: PipelineConfig,
    until: str | None = None,
    strict: bool = False,
    tell: Tell = lambda stage, outlook: None,
) -> dict[str, Stamp]:
    """Run every stage that is due, in order; their stamps by name. Under torchrun on all processes.

    Args:
        until: the last stage to run.
        strict: let any sample or picture that cannot be used be an error.
        tell: hears before each stage whether it is run or skipped, and why.
    """
    rank = int(os.environ.get("RANK", "0"))
    if rank == 0:
        write_text(config.out / CONFIG, config.model_dump_json(indent=2) + "\n")
    with together():
        return {stage.name: do(stage, tell, rank) for stage in plan(config, until, strict)}


def outlook(config: PipelineConfig, until: str | None = None) -> list[tuple[Stage, Outlook]]:
    """What would become of every stage now; a stage behind one that is due is due as well."""
    found: list[tuple[Stage, Outlook]] = []
    for stage in plan(config, until):
        seen = look(stage)
        due = [
            other.name
            for other, its in found
            if its.due and any(other.folder in source.path.parents for source in stage.reads)
        ]
        if due and not seen.due:
            seen = seen._replace(due=True, why=f"unless {due[0]} gives again what it gave")
        found.append((stage, seen))
    return found


def plan(config: PipelineConfig, until: str | None = None, strict: bool = False) -> list[Stage]:
    """The stages of a pipeline, in order."""
    stages: list[Stage] = []
    if config.layout == "merge":
        stages.append(merging(config))
    if config.base:
        stages.append(training("base", config, config.base, strict))
    if config.sft and "sft" in config.stages:
        stages.append(training("sft", config, config.sft, strict))
    if "rollouts" in config.stages:
        stages.append(rolling_out(config))
    if "mine" in config.stages:
        stages.append(mining(config))
    if config.grpo and "grpo" in config.stages:
        stages.append(training("grpo", config, config.grpo, strict))
    if "eval" in config.stages:
        stages += [examination(config, name, model) for name, model in contenders(config).items()]
    last = STAGES.index(until) if until else len(STAGES)
    return [stage for stage in stages if STAGES.index(stage.name.split()[0]) <= last]


def contenders(config: PipelineConfig) -> dict[str, str]:
    """The models that are put to the bench, each made of the one before it."""
    found = {"base": config.start} if config.start else {}
    if "sft" in config.stages:
        found["sft"] = config.taught
    if "grpo" in config.stages:
        found["grpo"] = str(config.out / GRPO / MODEL)
    return found


def merging(config: PipelineConfig) -> Stage:
    """The questions of each picture in few prompts (the article's data compression)."""
    out = config.out / MERGED

    def work() -> None:
        with count_bar() as watch:
            report = merge_folder(config.data, out, "merge", caps=config.caps, watch=watch)
        write_text(out / MERGE_REPORT, report.model_dump_json(indent=1) + "\n")

    return Stage(
        "merge",
        folder=out,
        work=work,
        settings={"caps": config.caps.model_dump(mode="json")},
        reads=_data(config.data),
        makes=(out / SAMPLES / COMBINED, out / MERGE_REPORT),
    )


def training(name: str, config: PipelineConfig, recipe: SftConfig | GrpoConfig, strict: bool) -> Stage:
    """A run of a recipe; what a former one has left is put aside."""

    def work() -> None:
        _share_features(config.out, recipe.out)
        if isinstance(recipe, GrpoConfig):
            train_grpo(recipe, True, strict)
        else:
            train_sft(recipe, True, strict)
        _release()

    return Stage(
        name,
        folder=recipe.out,
        work=work,
        settings=recipe.model_dump(mode="json", exclude={*MACHINE_FIELDS, "out"}),
        reads=(
            *_data(recipe.data),
            *(_data(recipe.eval_data) if recipe.eval_data else ()),
            *_model(config, recipe.model),
        ),
        makes=(recipe.out / MODEL / "config.json",),
        forget=lambda: put_aside(recipe.out, config.out / REPLACED, (FEATURES,)),
        shared=True,
    )


def rolling_out(config: PipelineConfig) -> Stage:
    """Scored answers of the trained model to the questions it was trained on."""
    out, shards = config.out / ROLLOUTS, _shards(config.out / ROLLOUTS)
    settings = config.rollout.model_dump(mode="json", exclude={"rows"})
    reads = (*_data(config.data), *_model(config, config.taught))

    def work() -> None:
        roll_out(config.data, out, config.taught, config.rollout, shards, _precision(config))
        _release()

    def forget() -> None:
        before = read_stamp(out)
        marks = {str(source.path): mark(source) for source in reads}
        if before and before.reads == marks and _answers(before.settings) == _answers(settings):
            score_rollouts(out, config.rollout)  # the answers are good, only what they earned is not
        else:
            put_aside(out, config.out / REPLACED)

    return Stage(
        "rollouts",
        folder=out,
        work=work,
        settings=settings,
        reads=reads,
        makes=tuple(_files(out, shards)),
        forget=forget,
        shared=True,
    )


def mining(config: PipelineConfig) -> Stage:
    """The questions that it answers right at times, and at times not."""
    out, rollouts = config.out / MINED, config.out / ROLLOUTS

    def work() -> None:
        with count_bar() as watch:
            mine_folder(rollouts, out, config.mining, config.data, watch)

    return Stage(
        "mine",
        folder=out,
        work=work,
        settings=config.mining.model_dump(mode="json"),
        reads=tuple(Source(file) for file in _files(rollouts, _shards(rollouts))),
        makes=(out / SAMPLES / COMBINED, out / RECORD),
    )


def examination(config: PipelineConfig, name: str, model: str) -> Stage:
    """Answers and scores of one of the models."""
    out = config.out / EVAL / name

    def work() -> None:
        examine(model, config.bench, out, _precision(config), config.answer_tokens, config.rollout.rows)
        _release()

    return Stage(
        f"eval {name}",
        folder=out,
        work=work,
        settings={"model": model, "answer_tokens": config.answer_tokens},
        reads=(*sources_of(config.bench), *_model(config, model)),
        makes=(out / SCORES,),
        shared=True,
    )


def _shards(rollouts: Path) -> int:
    """In how many parts there are rollouts, or will be: one for each process there was when they were begun."""
    for record in rollouts.glob("rollouts*.json"):
        count = record.stem.rpartition("-of-")[2]
        return int(count) if count.isdigit() else 1
    return int(os.environ.get("WORLD_SIZE", "1"))


def _files(rollouts: Path, shards: int) -> Iterator[Path]:
    for number in range(1, shards + 1):
        yield rollouts / f"rollouts{Shard(index=number, count=shards).suffix}.jsonl"


def _answers(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of rollouts but for those of their rewards."""
    return {name: value for name, value in settings.items() if name not in ("reward", "rewards")}


def _precision(config: PipelineConfig) -> Precision:
    """In which the trained models are asked."""
    recipe = config.grpo or config.sft
    return recipe.precision if recipe else "fp32"


def _data(folder: Path) -> tuple[Source, ...]:
    return Source(folder / SAMPLES / COMBINED), Source(folder / IMAGES, by_content=False)


def _model(config: PipelineConfig, model: str | None) -> tuple[Source, ...]:
    """The files of a model, also of one that is yet to be made; a hub id has none, and is told by its name."""
    if not model:
        return ()
    folder = Path(model)
    return (Source(folder),) if config.out in folder.parents or folder.is_dir() else ()


def _share_features(out: Path, run: Path) -> None:
    """Let a run keep the features of pictures where the others do: their keys tell what is whose."""
    (out / FEATURES).mkdir(parents=True, exist_ok=True)
    run.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (run / FEATURES).symlink_to(Path(os.path.relpath(out / FEATURES, run)), target_is_directory=True)


def _release() -> None:
    """Give back the memory of a model that is done with, before the next one comes."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
