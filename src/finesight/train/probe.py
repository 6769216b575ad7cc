"""Whether a server answers with the weights that training has: its answers scored again here, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn

from finesight.errors import ModelError
from finesight.model.coordinates import to_model
from finesight.model.generate import resting
from finesight.model.load import LoadedModel
from finesight.model.protocol import Request
from finesight.model.server import ServerGenerator
from finesight.model.tree import Branch, Tree, lay_out
from finesight.model.vision import VisionInput
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling

GREEDY = Sampling(samples=1, temperature=0, max_new_tokens=64)
MOVED = 1e-3
"""Nats a token by which training has to have moved log-probabilities for a server's not to stand still."""


class Probed(NamedTuple):
    """What a server said to the questions of a probe: tokens end to end, and both log-probabilities of each."""

    tokens: tuple[int, ...]
    theirs: tuple[float, ...]
    ours: tuple[float, ...]

    @property
    def difference(self) -> float:
        """Mean absolute difference of the log-probabilities, in nats a token."""
        return _moved(self.ours, self.theirs)

    @property
    def largest(self) -> float:
        return max(abs(a - b) for a, b in zip(self.ours, self.theirs, strict=True))


def probe(
    generator: ServerGenerator,
    model: LoadedModel,
    requests: Sequence[Request],
    sampling: Sampling = GREEDY,
    module: nn.Module | None = None,
) -> Probed:
    """Ask a server, and score its answers in the pass that training makes.

    Args:
        requests: pictures with their questions, at least one. sampling: as in the rollouts, so that a server which
            tells log-probabilities of another temperature is found out too.
        module: whose forward pass is called where that is not `model.family` itself (see `train.ranks`).

    Raises:
        ModelError: the server tells no tokens or no log-probabilities.
    """
    answers = generator.sample(requests, sampling, [[0] * len(r.prompts) for r in requests])
    said = [c for prompts in answers for completions in prompts for c in completions]
    silent = [c for c in said if not c.tokens or len(c.logprobs) != len(c.tokens)]
    if silent or not said:
        raise ModelError(
            f"{generator.endpoint.url}: its answers come without tokens or log-probabilities, so nothing can be "
            "checked or trained on; docs/serving.md says which servers tell them"
        )
    temperature = sampling.temperature or 1.0
    ours = [
        score(model, request, [[c.tokens for c in some] for some in prompts], temperature, module)
        for request, prompts in zip(requests, answers, strict=True)
        if request.prompts
    ]
    return Probed(
        tuple(chain.from_iterable(c.tokens for c in said)),
        tuple(chain.from_iterable(c.logprobs for c in said)),
        tuple(torch.cat(ours).tolist()),
    )


def check(probed: Probed, former: Probed | None, tolerance: float, where: str) -> None:
    """See that a server has the weights that training has.

    Args:
        former: the same probe before the last update; None for the first one.
        tolerance: of the mean difference, in nats a token.

    Raises:
        ModelError: its log-probabilities are others, or have stood still while those here have moved.
    """
    if not probed.difference <= tolerance:  # nor is NaN within it
        raise ModelError(
            f"{where}: does not answer with the weights of this run: log-probabilities differ by "
            f"{probed.difference:.4g} nats a token (at most {probed.largest:.4g}), {tolerance:g} are allowed; "
            "look at its log, its dtype and how it is started (docs/serving.md)"
        )
    if former is None or former.tokens != probed.tokens:
        return
    ours, theirs = _moved(former.ours, probed.ours), _moved(former.theirs, probed.theirs)
    if ours > MOVED and theirs < ours / 4:
        raise ModelError(
            f"{where}: still answers with the former weights: since the last probe its log-probabilities have "
            f"moved by {theirs:.2g} nats a token, those of this run by {ours:.2g}; was the update taken?"
        )


def _moved(former: Sequence[float], now: Sequence[float]) -> float:
    """Mean absolute difference."""
    return sum(abs(a - b) for a, b in zip(former, now, strict=True)) / len(now)


def score(
    model: LoadedModel,
    request: Request,
    answers: Sequence[Sequence[Sequence[int]]],
    temperature: float,
    module: nn.Module | None = None,
) -> Tensor:
    """Log-probabilities (A,) of the tokens of answers, [prompt][n], end to end; on the CPU.

    They are those a sampler keeps: at the temperature, without what stands for pictures.
    """
    family = model.family
    seen = model.images(request.picture) if isinstance(request.picture, Picture) else request.picture
    coordinates = model.description.coordinates
    prompts = request.prompts
    if isinstance(seen, VisionInput):
        prompts = tuple(to_model(prompt, coordinates, seen.width, seen.height) for prompt in prompts)
    branches = [
        Branch.asked(question, [list(answer) for answer in some])
        for question, some in zip(model.ask(prompts), answers, strict=True)
    ]
    prefix = model.prefix(seen)
    layout = lay_out([[Tree(prefix, family.prefix_positions(prefix, [seen.grid]), branches)]])
    forbidden = torch.tensor(model.vision_ids, dtype=torch.long, device=family.device)

    def read(logits: Tensor, targets: Tensor) -> Tensor:
        said = (logits.float().index_fill(1, forbidden, -torch.inf) / temperature).log_softmax(-1)
        return said.gather(1, targets[:, None]).squeeze(1)

    with resting(family), torch.no_grad():
        found: Tensor = (module or family)(layout.to(family.device), [seen], read=read).read
    return found.cpu()
