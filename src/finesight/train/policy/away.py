"""A policy whose answers are sampled on servers of their own: what they are given, and that they have it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from finesight.data.images import load_picture
from finesight.model.protocol import Request
from finesight.schema.rollout import Sampling
from finesight.train.policy.questions import Asked, prompt_of
from finesight.train.policy.settings import GrpoConfig
from finesight.train.remote import RemotePolicy
from finesight.train.workbench import Workbench

SENT = "policy"
"""Folder of the run with the weights the servers were given last; they have to see it under the same path."""
_PROBE_QUESTIONS, _PROBE_TOKENS = 4, 32


class Away:
    """Servers that follow the policy: the weights they have are those of training as of the last `send`."""

    def __init__(self, config: GrpoConfig, bench: Workbench, examples: Sequence[Asked]) -> None:
        """examples: what the probe is taken of."""
        self._bench = bench
        self._folder: Path = config.out / SENT
        self.sampler = RemotePolicy(
            config.servers, tokenizer=bench.model.tokenizer, tolerance=config.sync_tolerance
        )
        self._probe = [
            Request(load_picture(e.path), (prompt_of(e.samples[0], config.thinking),))
            for e in examples[:_PROBE_QUESTIONS]
        ]
        self._drawn = Sampling(
            samples=1, temperature=config.sampling.temperature, max_new_tokens=_PROBE_TOKENS
        )

    def send(self) -> None:
        """Give the servers the weights as they are, and see that answers to the probe are scored here as there.

        Raises:
            ModelError: a server cannot take them, or answers with others.
        """
        self._bench.saver.checkpoint(self._folder)
        self._bench.ranks.wait()
        with self._bench.ranks.whole(self._bench.module):
            if self._bench.ranks.main:
                self.sampler.update((self._folder / "model").resolve())
                self.sampler.verify(self._bench.model, self._probe, self._drawn)
        self._bench.ranks.wait()
