"""New weights for servers that go on running: each kind through the interface it documents.

All of them read a model folder from a disk that they share with the training.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from finesight.errors import ModelError
from finesight.model.endpoint import Endpoint, Refused
from finesight.model.server import ServerGenerator


class WeightReceiver(Protocol):
    """A server that can be given other weights of the model it serves."""

    def update(self, folder: Path) -> None:
        """Done when every later answer is drawn with the weights of a model folder.

        Raises:
            ModelError: the server cannot, or does not say that it has.
        """
        ...


class DiskReceiver:
    """SGLang, and `finesight serve`: POST /update_weights_from_disk, which empties SGLang's prefix cache too.

    References:
        SGLang documentation, "SGLang for RL Systems", "Update Weights from Disk" (2026).
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def update(self, folder: Path) -> None:
        body = {"model_path": str(folder.resolve())}
        try:
            reply = self.endpoint.post("/update_weights_from_disk", body)
        except Refused as error:
            raise ModelError(f"{self.endpoint.url}: {folder} was not taken: {error.reason}") from error
        if not isinstance(reply, dict) or reply.get("success") is not True:
            raise ModelError(f"{self.endpoint.url}: {folder} was not taken: {reply}")


class VllmReceiver:
    """vLLM with VLLM_SERVER_DEV_MODE=1: the workers' `reload_weights`, called through POST /collective_rpc.

    Generation is paused meanwhile, and what was cached under the former weights is dropped: the prefixes, and what
    the vision tower made of pictures. Where anything fails the server stays paused: it might hold half of the new
    weights.

    References:
        vLLM documentation, "Sleep Mode" (collective_rpc, reload_weights) and "Weight Transfer" (pause, resume);
        arguments of `reload_weights` as in the GPU model runner of vLLM 0.16 and later.
    """

    CACHES = ("/reset_prefix_cache", "/reset_mm_cache", "/reset_encoder_cache")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def update(self, folder: Path) -> None:
        arguments = {"weights_path": str(folder.resolve()), "is_checkpoint_format": True}
        try:
            self.endpoint.post("/pause?mode=wait")
            self.endpoint.post("/collective_rpc", {"method": "reload_weights", "kwargs": arguments})
            for cache in self.CACHES:
                self.endpoint.post(cache)
            self.endpoint.post("/resume")
        except Refused as error:
            remedy = (
                "start vLLM 0.16 or later with VLLM_SERVER_DEV_MODE=1"
                if error.status == 404
                else "restart it"
            )
            raise ModelError(f"{self.endpoint.url}: {folder} was not taken: {error}; {remedy}") from error


RECEIVERS: dict[str, Callable[[Endpoint], WeightReceiver]] = {
    "finesight": DiskReceiver,
    "sglang": DiskReceiver,
    "vllm": VllmReceiver,
}


def receiver_of(generator: ServerGenerator) -> WeightReceiver:
    """How the server behind a generator is given weights.

    Raises:
        ModelError: it cannot be, or is not there.
    """
    kind = generator.served.kind
    if kind not in RECEIVERS:
        raise ModelError(
            f"{generator.endpoint.url}: a server of kind {kind!r} takes no weights while it runs; "
            f"those that do are {', '.join(RECEIVERS)}"
        )
    return RECEIVERS[kind](generator.endpoint)
