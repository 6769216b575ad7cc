"""What the stages of a pipeline were good for: base, SFT and GRPO side by side, as rows for a table and as JSON."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict

from finesight.data.merge.folder import MergeReport
from finesight.data.mine.folder import RECORD, MiningRecord
from finesight.data.mine.report import MiningReport
from finesight.data.stages import Stamp
from finesight.scoring.bootstrap import Interval
from finesight.scoring.mipi import INDICATORS, Difference
from finesight.train.exam import Scores, compare, read_scores
from finesight.train.pipeline import MERGE_REPORT, contenders
from finesight.train.pipeline_settings import EVAL, MERGED, MINED, PipelineConfig

DESCRIBED = ("type_f1", "box_f1", "severity_accuracy", "level_accuracy")
Row = tuple[str, ...]


class Time(BaseModel):
    """How long a stage took: seconds of its last start, and how often it was started until it was done."""

    model_config = ConfigDict(frozen=True)

    seconds: float
    starts: int


class Comparison(BaseModel):
    """All that a pipeline has to report.

    models, scores: by contender, in the order in which each was made of the one before. gained: by contender, what it
    has over the one before it under the strict protocol, picture by picture.
    """

    model_config = ConfigDict(frozen=True)

    models: dict[str, str]
    scores: dict[str, Scores]
    gained: dict[str, dict[str, Difference]]
    times: dict[str, Time]
    merging: MergeReport | None = None
    mining: MiningReport | None = None

    def record(self) -> dict[str, Any]:
        """The JSON object of `report.json`."""
        return self.model_dump(mode="json")


def gather(config: PipelineConfig, stamps: dict[str, Stamp]) -> Comparison:
    """What the stages of a pipeline have left in its folder; scores where they were among them.

    Raises:
        InputError: scores that are not there.
    """
    models = {name: model for name, model in contenders(config).items() if f"eval {name}" in stamps}
    folders = {name: config.out / EVAL / name for name in models}
    merging, mined = config.out / MERGED / MERGE_REPORT, config.out / MINED / RECORD
    return Comparison(
        models=models,
        scores={name: read_scores(folder) for name, folder in folders.items()},
        gained={b: compare(folders[a], folders[b], config.bench) for a, b in pairwise(folders)},
        times={name: Time(seconds=s.seconds, starts=s.starts) for name, s in stamps.items()},
        merging=MergeReport.model_validate_json(merging.read_bytes()) if "merge" in stamps else None,
        mining=MiningRecord.model_validate_json(mined.read_bytes()).report if "mine" in stamps else None,
    )


def main_table(found: Comparison) -> list[Row]:
    """The six as the organisers count them, their sum under both protocols, and what descriptions found."""
    every = found.scores.values()
    rows = [(_words(n), *(f"{s.official[n]:.3f}" for s in every)) for n in (*INDICATORS, "final")]
    rows.append(("final, strict", *(_strict(scores, "final") for scores in every)))
    if found.gained:
        rows.append(("gained, strict", *(_gained(found, name, "final") for name in found.scores)))
    for figure in DESCRIBED:
        values = (getattr(scores.descriptions, figure) for scores in every)
        rows.append((_words(figure), *("-" if value is None else f"{value:.3f}" for value in values)))
    rows.append(("unparsed answers", *(str(scores.official["unparsed"]) for scores in every)))
    return rows


def strict_table(found: Comparison) -> list[Row]:
    """The six under the strict protocol with their intervals, and what each contender gained on the one before."""
    names = (*INDICATORS, "final")
    return [
        (
            _words(figure),
            *(_strict(scores, figure) for scores in found.scores.values()),
            *(_gained(found, name, figure) for name in found.gained),
        )
        for figure in names
    ]


def time_table(found: Comparison) -> list[Row]:
    """A row a stage, and their sum."""
    rows = [(name, _clock(time.seconds), str(time.starts)) for name, time in found.times.items()]
    return [*rows, ("all", _clock(sum(time.seconds for time in found.times.values())), "")]


def mining_table(report: MiningReport) -> list[Row]:
    """A row a subclass: groups, prompts kept, and groups dropped by reason; and their sums."""
    rows = [
        (str(name), *_counts(report, one.groups, one.kept, one.dropped))
        for name, one in report.subclasses.items()
    ]
    return [*rows, ("all", *_counts(report, report.groups, report.kept, report.dropped))]


def merging_table(report: MergeReport) -> list[Row]:
    """A row a layout: what an epoch over the data takes in it."""
    return [
        (layout, f"{work.sequences:,}", f"{work.images:,}", f"{work.tokens:,}", f"{work.answers:,}")
        for layout, work in report.workloads.items()
    ]


def _counts(report: MiningReport, groups: int, kept: int, dropped: dict[Any, int]) -> Row:
    return (f"{groups:,}", f"{kept:,}", *(f"{dropped.get(reason, 0):,}" for reason in report.dropped))


def _strict(scores: Scores, figure: str) -> str:
    interval = scores.strict["intervals"].get(figure)
    return f"{scores.strict[figure]:.3f}{_between(interval)}"


def _gained(found: Comparison, name: str, figure: str) -> str:
    if name not in found.gained:
        return ""
    value, interval = found.gained[name][figure]
    return f"{value:+.3f}{_between(interval, '+')}"


def _between(interval: Interval | None, sign: str = "") -> str:
    return f" ({interval[0]:{sign}.3f} to {interval[1]:{sign}.3f})" if interval else ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
