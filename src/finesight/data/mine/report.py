"""What mining read, kept and dropped, and why: every group is in one of these numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from finesight.data.mine.chance import Chance, chance, guessing_earns
from finesight.data.mine.difficulty import Difficulty, Reason
from finesight.data.mine.settings import Band, MiningSettings
from finesight.data.readers.reading import Skipped
from finesight.schema.rollout import RolloutGroup
from finesight.schema.sample import Subclass
from finesight.schema.taxonomy import DistortionType

BINS = 20
"""Of rewards and of ranges, each 1/20 wide; 1 falls into the last."""
NO_TYPE = "none"


class SubclassReport(BaseModel):
    """The groups of one subclass: `groups == kept + sum(dropped)`.

    unscored_answers: without a reward. kept: prompts written, a merged one once, for its other questions are dropped
    as merged into another. means, ranges: groups by mean reward and by range of rewards, of those with a reward;
    kept_means: those of them that are in a prompt that was kept.
    """

    model_config = ConfigDict(frozen=True)

    band: Band
    groups: int
    answers: int
    unscored_answers: int
    kept: int
    dropped: dict[Reason, int]
    means: tuple[int, ...]
    kept_means: tuple[int, ...]
    ranges: tuple[int, ...]


class MiningReport(BaseModel):
    """What came of it: `groups == kept + sum(dropped)`, in all and in every subclass.

    groups: read; kept: prompts; questions: that they ask. types_before, types_after: groups and kept prompts that
    name a type, "none" where they name none; one that names several counts for each. choices: what they earned beside
    guessing, None of too few. models: policies that the answers are of. skipped: lines that were no group.
    """

    model_config = ConfigDict(frozen=True)

    settings: MiningSettings
    models: tuple[str, ...]
    groups: int
    kept: int
    questions: int
    dropped: dict[Reason, int]
    subclasses: dict[Subclass, SubclassReport]
    types_before: dict[str, int]
    types_after: dict[str, int]
    choices: Chance | None = None
    skipped: tuple[Skipped, ...] = ()


class Ledger:
    """Counts groups as they are judged."""

    def __init__(self, settings: MiningSettings) -> None:
        self._settings = settings
        self._models: Counter[str] = Counter()
        self._groups: Counter[Subclass] = Counter()
        self._answers: Counter[Subclass] = Counter()
        self._unscored: Counter[Subclass] = Counter()
        self._kept: Counter[Subclass] = Counter()
        self._dropped: dict[Subclass, Counter[Reason]] = {}
        self._means: dict[Subclass, list[int]] = {}
        self._kept_means: dict[Subclass, list[int]] = {}
        self._ranges: dict[Subclass, list[int]] = {}
        self._choices: list[tuple[float, float]] = []
        self._before: Counter[str] = Counter()
        self._after: Counter[str] = Counter()

    def came(self, group: RolloutGroup, types: Sequence[DistortionType], found: Difficulty | None) -> None:
        """A group was read."""
        subclass = group.sample.subclass
        self._models[group.model] += 1
        self._groups[subclass] += 1
        self._answers[subclass] += len(group.answers)
        self._unscored[subclass] += group.rewards.count(None)
        self._before.update(_names(types))
        if found:
            _bins(self._means, subclass)[_bin(found.mean)] += 1
            _bins(self._ranges, subclass)[_bin(found.range)] += 1
            if subclass is Subclass.MCQ and (guessing := guessing_earns(group)) is not None:
                self._choices.append((found.mean, guessing))

    def dropped(self, subclass: Subclass, reason: Reason, groups: int = 1) -> None:
        if groups:
            self._dropped.setdefault(subclass, Counter())[reason] += groups

    def kept(self, subclass: Subclass, types: Sequence[DistortionType], means: Sequence[float]) -> None:
        """A prompt is kept; `means`: of the groups of all its questions."""
        self._kept[subclass] += 1
        self._after.update(_names(types))
        self.dropped(subclass, Reason.MERGED, len(means) - 1)
        for mean in means:
            _bins(self._kept_means, subclass)[_bin(mean)] += 1

    def report(self) -> MiningReport:
        dropped = sum(self._dropped.values(), Counter[Reason]())
        kept = self._kept.total()
        return MiningReport(
            settings=self._settings,
            models=tuple(sorted(self._models)),
            groups=self._groups.total(),
            kept=kept,
            questions=kept + dropped[Reason.MERGED],
            dropped=_reasons(dropped),
            subclasses={s: self._subclass(s) for s in Subclass if self._groups[s]},
            types_before=_in_order(self._before),
            types_after=_in_order(self._after),
            choices=chance(self._choices),
        )

    def _subclass(self, subclass: Subclass) -> SubclassReport:
        return SubclassReport(
            band=self._settings.band(subclass),
            groups=self._groups[subclass],
            answers=self._answers[subclass],
            unscored_answers=self._unscored[subclass],
            kept=self._kept[subclass],
            dropped=_reasons(self._dropped.get(subclass, Counter())),
            means=tuple(_bins(self._means, subclass)),
            kept_means=tuple(_bins(self._kept_means, subclass)),
            ranges=tuple(_bins(self._ranges, subclass)),
        )


def _bins(of: dict[Subclass, list[int]], subclass: Subclass) -> list[int]:
    return of.setdefault(subclass, [0] * BINS)


def _reasons(counts: Counter[Reason]) -> dict[Reason, int]:
    return {reason: counts[reason] for reason in Reason if counts[reason]}


def _bin(value: float) -> int:
    return min(int(value * BINS), BINS - 1)


def _names(types: Sequence[DistortionType]) -> list[str]:
    return [type_.value for type_ in types] or [NO_TYPE]


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in (*(t.value for t in DistortionType), NO_TYPE) if counts[name]}
