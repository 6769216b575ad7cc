"""What a step learns from: its draws as trees, in as many passes as they need, and the gradient of their loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from finesight.model.load import LoadedModel
from finesight.model.nano.tokenizer import number_ids
from finesight.model.nano.vision import Dense
from finesight.model.tree import Layout, Tree, lay_out
from finesight.schema.diagnosis import Diagnosis
from finesight.train.examples import Example
from finesight.train.loss import DenseCounts, DenseLabels, Ruler, answer_loss, dense_labels, dense_loss
from finesight.train.passes import PassLoss, Readable, Ready, run_passes
from finesight.train.pictures import Pictures
from finesight.train.plan import Draw, cost, hinted, share_out
from finesight.train.ranks import Ranks
from finesight.train.settings import SftConfig


class Data(NamedTuple):
    """Examples, and where their pictures come from."""

    examples: Sequence[Example]
    pictures: Pictures


class Totals(NamedTuple):
    """What the losses of a step are means over; known to all ranks, whoever runs what.

    predicted: answer tokens, and verdicts on options.
    """

    predicted: int
    dense: DenseCounts | None


class Learner:
    """Runs steps: `gradients` leaves those of a step's loss in the weights, over all passes and ranks."""

    def __init__(
        self,
        config: SftConfig,
        model: LoadedModel,
        module: nn.Module,
        data: Data,
        ranks: Ranks,
        say: Callable[[str], None],
    ) -> None:
        """module: whose forward pass is called (see `Ranks.share`). say: is told of pictures that fail."""
        self.config = config
        self.model = model
        self.module = module
        self.data = data
        self.ranks = ranks
        self._readable: Readable[Draw] = Readable(
            data.pictures,
            lambda draw: data.examples[draw.example].path,
            lambda: (Draw(index, (0,)) for index in range(len(data.examples))),
            say,
        )
        self.ruler = make_ruler(config, model)

    def gradients(self, step: int, draws: list[Draw]) -> dict[str, float]:
        """The losses of a step by name; `loss` is the mean over its answer tokens. Verdicts count like answer tokens:
        with them `loss` and `verdicts` are the parts of one mean.
        """
        config, ranks = self.config, self.ranks
        passes = share_out(self._costs(draws), ranks.count, config.tokens_per_pass)[ranks.index]
        told = hinted(len(draws), hint_share(config, step), config.seed, step)
        totals = self._totals(draws)
        torch.manual_seed((config.seed * 1_000_003 + step) * ranks.count + ranks.index)  # for dropout

        def loss_of(_: int, items: list[int]) -> PassLoss:
            ready = self.ready([draws[i] for i in items])
            hints = {draws[i]: self.data.examples[draws[i].example].said for i in items if told[i]}
            losses = self._losses(ready, totals, hints, dense_only=step <= config.dense_steps)
            return PassLoss(torch.stack(list(losses.values())).sum(), losses)

        return run_passes(self.module, ranks, passes, loss_of)

    @property
    def skipped(self) -> int:
        """Pictures of this rank that could be read before the run and could not any more in it."""
        return self._readable.skipped

    def ready(self, draws: Sequence[Draw]) -> Ready[Draw]:
        """Draws with their pictures, those left out that cannot be read any more."""
        return self._readable.of(draws)

    def layout(self, ready: Ready[Draw]) -> Layout:
        """The trees of a pass, end to end, where the model is."""
        return lay_out([make_trees(self.model, self.data.examples, ready)]).to(self.ranks.device)

    def ahead(self, draws: Sequence[Draw]) -> None:
        """Have this rank's pictures of a step prepared while another one runs."""
        items = share_out(self._costs(draws), self.ranks.count, self.config.tokens_per_pass)[self.ranks.index]
        self.data.pictures.ahead(self.data.examples[draws[i].example].path for some in items for i in some)

    def _losses(
        self, ready: Ready[Draw], totals: Totals, hints: Mapping[Draw, Diagnosis | None], dense_only: bool
    ) -> dict[str, Tensor]:
        if dense_only:
            return {"dense": ready.weight * self._dense(self.module(None, ready.seen).dense, ready, totals)}
        said = [hints.get(draw) for draw in ready.items]
        layout = self.layout(ready)
        answers = self.module(layout, ready.seen, said, partial(answer_loss, ruler=self.ruler))
        share = ready.weight / totals.predicted
        losses = {"loss": share * answers.read[~layout.told].sum()}
        if self.config.verdicts:
            losses["verdicts"] = share * answers.read[layout.told].sum()
        if answers.dense is not None and self.config.dense_weight > 0:
            scale = ready.weight * self.config.dense_weight
            losses["dense"] = scale * self._dense(answers.dense, ready, totals)
        return losses

    def _dense(self, dense: Dense, ready: Ready[Draw], totals: Totals) -> Tensor:
        return dense_loss(dense, self._labels(ready.items).to(self.ranks.device), totals.dense)

    def _labels(self, draws: Sequence[Draw]) -> DenseLabels:
        examples = [self.data.examples[d.example] for d in draws]
        grids = self.model.family.cell_grids([e.grid for e in examples])
        return dense_labels([e.said for e in examples], grids)

    def _totals(self, draws: Sequence[Draw]) -> Totals:
        examples = self.data.examples
        tokens = sum(examples[d.example].predicted(i) for d in draws for i in d.branches)
        dense = DenseCounts.of(self._labels(draws)) if self.model.family.dense else None
        return Totals(max(1, tokens), dense)

    def _costs(self, draws: Sequence[Draw]) -> list[int]:
        return [cost(self.data.examples, draw) for draw in draws]


def make_trees(model: LoadedModel, examples: Sequence[Example], ready: Ready[Draw]) -> list[Tree]:
    """The trees of a pass."""
    trees = []
    for draw, seen in zip(ready.items, ready.seen, strict=True):
        prefix = model.prefix(seen)
        positions = model.family.prefix_positions(prefix, [seen.grid])
        trees.append(Tree(prefix, positions, [examples[draw.example].branch(i) for i in draw.branches]))
    return trees


def make_ruler(config: SftConfig, model: LoadedModel) -> Ruler | None:
    """Soft targets for numbers, where the tokenizer has all of them as single tokens."""
    numbers = number_ids(model.tokenizer)
    if config.ruler_width == 0 or len(numbers) != 1001:
        return None
    vocabulary = model.family.model.config.get_text_config().vocab_size
    return Ruler(numbers, vocabulary, config.ruler_width, model.family.device)


def hint_share(config: SftConfig, step: int) -> float:
    """Share of pictures told to nano: from `hinted` down to none, linearly over the joint steps.

    Copying is learned where what stands written is true, what to make of own proposals only from them.

    References:
        Bengio et al., "Scheduled Sampling", arXiv 1506.03099, section 2.4 (linear decay).
    """
    assert config.steps is not None  # resolved before the run (see sft.resolve_steps)
    joint = config.steps - config.dense_steps
    return config.hinted * (config.steps - step) / joint if joint else 0.0
