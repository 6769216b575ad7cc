"""The policy on servers of its own: what training samples from, and keeps at the weights it has itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from torch import nn

from finesight.errors import ConfigError
from finesight.model.load import LoadedModel
from finesight.model.protocol import Completion, Request
from finesight.model.server import ServerGenerator
from finesight.schema.rollout import Sampling
from finesight.train.probe import GREEDY, Probed, check, probe
from finesight.train.weights import receiver_of

TOLERANCE = 0.05
"""Nats a token: what bfloat16 on one side may cost, and far less than any wrong weights do."""


class RemotePolicy:
    """One model on one or several servers, of one kind or of several; a `protocol.Sampler`.

    A step of training is `update` with the folder of its weights, `verify` with the model that has them, `sample`.
    """

    def __init__(
        self,
        urls: Sequence[str],
        model: str | None = None,
        *,
        tokenizer: Any = None,
        concurrency: int = 16,
        tolerance: float = TOLERANCE,
    ) -> None:
        """
        Args:
            urls: of the servers. model: its name on all of them; None where each has one only.
            tokenizer, concurrency: see `ServerGenerator`; concurrency is that of each server.
            tolerance: of the mean difference of log-probabilities in `verify`, in nats a token.

        Raises:
            ConfigError: no server. InputError: not the URL of one.
        """
        if not urls:
            raise ConfigError("servers: name at least one, for example http://127.0.0.1:8000")
        self.tolerance = tolerance
        self.generators = [
            ServerGenerator(url, model, tokenizer=tokenizer, concurrency=concurrency) for url in urls
        ]
        self._former: dict[str, Probed] = {}

    @property
    def name(self) -> str:
        return self.generators[0].name

    def sample(
        self, requests: Sequence[Request], sampling: Sampling, seeds: Sequence[Sequence[int]]
    ) -> list[list[list[Completion]]]:
        """As `protocol.Sampler` says; every picture with all its questions goes to one of the servers.

        Raises:
            InputError: a server refuses a question. ModelError: one is not there, or its answers are of no use.
        """
        count = len(self.generators)

        def ask(number: int) -> list[list[list[Completion]]]:
            return self.generators[number].sample(requests[number::count], sampling, seeds[number::count])

        shares = self._everywhere(ask)
        return [shares[place % count][place // count] for place in range(len(requests))]

    def update(self, folder: Path) -> None:
        """Give all servers the weights of a model folder, which they have to see under the same path.

        Raises:
            ModelError: one cannot take them; the servers may then have different ones.
        """
        self._everywhere(lambda number: receiver_of(self.generators[number]).update(folder))

    def verify(
        self,
        model: LoadedModel,
        requests: Sequence[Request],
        sampling: Sampling = GREEDY,
        module: nn.Module | None = None,
    ) -> list[Probed]:
        """What each server says to the probe, once it is sure that all have the weights of `model`.

        Args: see `probe`. The same requests after every update also tell a server that has not taken one.

        Raises:
            ModelError: one has others.
        """
        found = []
        for generator in self.generators:
            where = generator.endpoint.url
            probed = probe(generator, model, requests, sampling, module)
            check(probed, self._former.get(where), self.tolerance, where)
            self._former[where] = probed
            found.append(probed)
        return found

    def _everywhere(self, work: Callable[[int], Any]) -> list[Any]:
        """What `work` gives for the number of each server, at the same time."""
        with ThreadPoolExecutor(len(self.generators)) as pool:
            return list(pool.map(work, range(len(self.generators))))
