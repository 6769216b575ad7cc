"""What the OpenAI-compatible servers understand beyond OpenAI's own fields, and how to tell which one answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from finesight.errors import InputError, ModelError
from finesight.model.endpoint import Endpoint, Refused
from finesight.schema.rollout import Sampling

NOTHING: Mapping[str, Any] = MappingProxyType({})
# vLLM and SGLang would leave special tokens, which hold the boxes, out of the text, and draw as the generation
# config of the checkpoint says: Qwen's penalises repetitions and cuts off all but a few tokens.
_EXACT = MappingProxyType(
    {
        "return_token_ids": True,
        "skip_special_tokens": False,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }
)


class Dialect(NamedTuple):
    """How a kind of server wants to be asked.

    fields: sent with every request. many: `n` answers of one request are drawn from streams of their own;
    otherwise every answer is a request with a seed of its own. together: several requests may be under way
    at once without one changing what another draws. logprobs: whether it tells any. alternatives: whether
    it tells those of the likeliest other tokens. levels: whether it tells those of the quality levels
    instead. tokenizes: has /tokenize. forbids: never says what stands for a picture, unasked. settings:
    further fields that depend on how answers are drawn.
    """

    fields: Mapping[str, Any] = NOTHING
    many: bool = False
    together: bool = True
    logprobs: bool = True
    alternatives: bool = True
    tokenizes: bool = False
    forbids: bool = False
    settings: Callable[[Sampling], Mapping[str, Any]] = lambda sampling: NOTHING


def _generation_config(sampling: Sampling) -> Mapping[str, Any]:
    """`transformers serve` draws only where its generation config says so, and then from the likeliest 50."""
    config: dict[str, Any] = {"max_new_tokens": sampling.max_new_tokens, "repetition_penalty": 1.0}
    if sampling.temperature > 0:
        config |= {
            "do_sample": True,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": 0,
        }
    return {"generation_config": json.dumps(config | {"do_sample": sampling.temperature > 0})}


DIALECTS: dict[str, Dialect] = {
    "finesight": Dialect({"return_token_ids": True}, many=True, alternatives=False, forbids=True),
    "vllm": Dialect(_EXACT, many=True, tokenizes=True),
    # With a seed, the answers of one request may all be drawn from it.
    "sglang": Dialect(_EXACT, tokenizes=True),
    # One random stream for all requests, begun anew by each seed; the fields logprobs and n are ignored.
    "transformers": Dialect(together=False, logprobs=False, settings=_generation_config),
    "openai": Dialect(),
}
"""By the name that `owned_by` of a served model has; `transformers` and `openai` are told by other means."""


class Served(NamedTuple):
    """A model on a server: the name it is asked for by, and how."""

    name: str
    kind: str

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.kind]


def find_served(endpoint: Endpoint, model: str | None = None, kind: str | None = None) -> Served:
    """The model that is meant: `model`, or the only one there is.

    Args:
        kind: of DIALECTS; None to find out.

    Raises:
        ModelError: no server, or no such model there. InputError: several models, or an unknown kind.
    """
    if kind is not None and kind not in DIALECTS:
        raise InputError(f"{kind!r} is no kind of server; known are {', '.join(DIALECTS)}")
    if kind is None and "/load_model" in _paths(endpoint):
        kind = "transformers"
    if model and kind:
        return Served(model, kind)
    models = list_models(endpoint)
    names = ", ".join(models) or "none"
    if model is None and len(models) != 1:
        raise InputError(f"{endpoint.url} serves {names}; say which: server:{endpoint.url}#NAME")
    name = model or next(iter(models))
    if name not in models:
        raise ModelError(f"{endpoint.url} serves no model {name!r}; it serves {names}")
    owner = models[name]
    return Served(name, kind or (owner if owner in DIALECTS else "openai"))


def list_models(endpoint: Endpoint) -> dict[str, str]:
    """Who owns each served model, by its name.

    Raises:
        ModelError: no server, or no list.
    """
    try:
        listed = endpoint.get("/v1/models")
        return {str(entry["id"]): str(entry.get("owned_by", "")) for entry in listed["data"]}
    except Refused as error:
        raise ModelError(f"{error}; name the model: server:{endpoint.url}#NAME") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{endpoint.url}/v1/models: not a list of models; is this an OpenAI-compatible server?"
        ) from error


def answer_seed(seed: int, number: int) -> int:
    """A seed of its own for answer `number` of a question, in 31 bits, which every server takes."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:4]) >> 1


def _paths(endpoint: Endpoint) -> Mapping[str, Any]:
    """The routes a server describes; none where it describes none."""
    try:
        described = endpoint.get("/openapi.json")
    except Refused:
        return NOTHING
    paths = described.get("paths") if isinstance(described, dict) else None
    return paths if isinstance(paths, dict) else NOTHING
