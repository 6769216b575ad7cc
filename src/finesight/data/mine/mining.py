"""Questions worth training on, chosen by the rewards of the answers a policy gave to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from finesight.data.merge.merging import Caps, Placed, merge_picture, text_tokens
from finesight.data.merge.tokens import estimate_tokens
from finesight.data.mine.difficulty import Difficulty, Reason, counted, difficulty, together, unfit, unknown
from finesight.data.mine.naming import types_of
from finesight.data.mine.report import Ledger, MiningReport
from finesight.data.mine.settings import MiningSettings
from finesight.data.mine.shelf import Shelf, Ticket, shelf
from finesight.data.mine.turns import Lot, drawn
from finesight.schema.rollout import RolloutGroup
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType


class Kept(NamedTuple):
    """A prompt to train on, and the `index` of each group whose question it asks."""

    sample: Sample
    indices: tuple[int, ...]


class Mined(NamedTuple):
    """What is kept, by rising (first) index, and what became of all the rest."""

    kept: list[Kept]
    report: MiningReport


def mine(groups: Iterable[RolloutGroup], settings: MiningSettings | None = None) -> Mined:
    """The prompts that scored groups recommend; the same whatever order the groups come in.

    A group is taken once: an index that comes again is dropped as repeated. In memory are the samples that are kept
    and a few numbers of every group; the others wait on the shelf.
    """
    settings = settings or MiningSettings()
    with shelf() as samples:
        miner = _Miner(settings, samples)
        for group in groups:
            miner.take(group)
        chosen = miner.choose()
        return Mined([Kept(samples.get(one.ticket), one.indices) for one in chosen], miner.ledger.report())


class _Choice(NamedTuple):
    """A question that waits for the others of its picture."""

    place: int
    found: Difficulty
    ticket: Ticket


class _Prompt(NamedTuple):
    """What may be kept: one question, or several of a picture in one prompt."""

    subclass: Subclass
    types: tuple[DistortionType, ...]
    indices: tuple[int, ...]
    means: tuple[float, ...]
    ticket: Ticket

    @property
    def lot(self) -> Lot:
        return Lot(self.indices[0], self.subclass, self.types)


class _Miner:
    """Judges groups one by one, and draws from what is left in the end."""

    def __init__(self, settings: MiningSettings, shelf: Shelf) -> None:
        self.ledger = Ledger(settings)
        self._settings, self._shelf = settings, shelf
        self._seen: set[int] = set()
        self._choices: dict[str, list[_Choice]] = {}
        self._prompts: list[_Prompt] = []

    def take(self, group: RolloutGroup) -> None:
        """Drop a group, or put its question away: as a prompt, or with the choices of its picture."""
        sample = group.sample
        found = difficulty(counted(group, self._settings.unparsed))
        self.ledger.came(group, types_of(sample), found)
        if group.index in self._seen:
            self.ledger.dropped(sample.subclass, Reason.REPEATED)
            return
        self._seen.add(group.index)
        reason = unknown(found, self._settings.min_scored)
        if reason or found is None:
            self.ledger.dropped(sample.subclass, reason or Reason.UNSCORED)
        elif self._settings.merge_choices and sample.subclass is Subclass.MCQ and len(sample.parts) < 2:
            self._take_choice(group.index, sample, found)
        else:
            self._judge(_placed(sample, group.index), [group.index], [found])

    def choose(self) -> list[_Prompt]:
        """The prompts that stay, by their first index; the ledger knows of all when this is done."""
        for picture in self._choices.values():
            self._merge(sorted(picture))
        kept = drawn([prompt.lot for prompt in self._prompts], self._settings)
        chosen = []
        for prompt in sorted(self._prompts, key=lambda prompt: prompt.indices):
            if prompt.indices[0] in kept:
                chosen.append(prompt)
                self.ledger.kept(prompt.subclass, prompt.types, prompt.means)
            else:
                self.ledger.dropped(prompt.subclass, Reason.OVER_BUDGET, len(prompt.indices))
        return chosen

    def _take_choice(self, index: int, sample: Sample, found: Difficulty) -> None:
        """All but those that were all right wait for each other; the band is for the prompt they become."""
        if found.mean == 1:
            self.ledger.dropped(sample.subclass, Reason.TOO_EASY)
        elif found.mean == 0 and not self._settings.all_wrong:
            self.ledger.dropped(sample.subclass, Reason.TOO_HARD)
        else:
            choice = _Choice(index, found, self._shelf.put(sample))
            self._choices.setdefault(sample.image, []).append(choice)

    def _merge(self, picture: Sequence[_Choice]) -> None:
        found = {choice.place: choice.found for choice in picture}
        singles = [Placed(c.place, _alone(self._shelf.get(c.ticket))) for c in picture]
        tokens = text_tokens((placed.sample for placed in singles), estimate_tokens)
        for merged in merge_picture(singles, tokens, self._settings.caps):
            indices = [part.index for part in merged.parts]
            self._judge(merged, indices, [found[index] for index in indices])

    def _judge(self, sample: Sample, indices: Sequence[int], found: Sequence[Difficulty]) -> None:
        """Drop the questions of a prompt, or let it draw for a place."""
        reason = unfit(together(found), self._settings.band(sample.subclass))
        if reason:
            self.ledger.dropped(sample.subclass, reason, len(indices))
            return
        means = tuple(one.mean for one in found)
        self._prompts.append(
            _Prompt(sample.subclass, types_of(sample), tuple(indices), means, self._shelf.put(sample))
        )


def _placed(sample: Sample, index: int) -> Sample:
    """A sample that says where it was, so that what was mined can be taken apart; a merged one does already."""
    if len(sample.parts) > 1:
        return sample
    return merge_picture([Placed(index, _alone(sample))], [(0, 0)], Caps())[0]


def _alone(sample: Sample) -> Sample:
    """A sample that may be merged: one that stands alone in merged data has a part for its place there."""
    return sample.model_copy(update={"parts": ()})
