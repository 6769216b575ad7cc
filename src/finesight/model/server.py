"""Answers of an OpenAI-compatible server: vLLM, SGLang, `transformers serve`, `finesight serve` and the like.

The questions of a picture go out one after the other with the picture before the text, so that a server that
caches prefixes encodes and lays it out once. What servers differ in is in dialects.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple

from finesight.errors import InputError, ModelError
from finesight.model.dialects import Served, find_served, list_models
from finesight.model.endpoint import Endpoint, Refused
from finesight.model.protocol import Completion, Request
from finesight.model.wire import Ask, chat_body, data_url, read_reply
from finesight.schema.picture import Clip, Picture
from finesight.schema.rollout import Sampling

VISION_MARKS = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<IMG_CONTEXT>")
"""What stands for a picture in the families that have an adapter here; never part of an answer."""
_WRONG_NAME, _NO_KEY = (404,), (401, 403)


class _Shown:
    """A picture with its data URL, made when the first question of it goes out, for the others too."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self._lock = threading.Lock()

    @cached_property
    def _made(self) -> str:
        return data_url(self.picture)

    @property
    def url(self) -> str:
        with self._lock:
            return self._made


class _Job(NamedTuple):
    """One HTTP request."""

    shown: _Shown
    ask: Ask


class ServerGenerator:
    """Answers requests through a server, `concurrency` HTTP requests at a time, in the order they were asked.

    Greedily (`generate`) or by drawing (`sample`). Where the server honours seeds, an answer depends on the seed of
    its question and its own number alone.
    """

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        *,
        max_new_tokens: int = 512,
        concurrency: int = 16,
        tokenizer: Any = None,
        kind: str | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        """Nothing is sent before the first use.

        Args:
            base_url: `http://host:port`, with or without `/v1`.
            model: its name there; None where the server has one model only.
            max_new_tokens: of greedy answers; `sample` is told.
            tokenizer: of transformers, that of the model: where the server tells no ids, to make them from the text,
                and to know which ids stand for pictures.
            kind: of dialects.DIALECTS; None to find out.
            endpoint: with other timeouts or tries than usual; base_url is not used then.

        Raises:
            InputError: base_url is not one.
        """
        self.endpoint = endpoint or Endpoint(base_url, connections=concurrency)
        self.max_new_tokens = max_new_tokens
        self.concurrency = concurrency
        self.tokenizer = tokenizer
        self._model = model
        self._kind = kind

    @classmethod
    def named(cls, where: str) -> ServerGenerator:
        """The generator of `http://host:port[/v1][#name]`, which `--model` takes behind `server:`.

        Raises:
            InputError: not of this form.
        """
        url, _, name = where.partition("#")
        return cls(url, name or None)

    @cached_property
    def served(self) -> Served:
        """The model and the kind of server, found out on first use.

        Raises:
            ModelError, InputError: see `dialects.find_served`.
        """
        return find_served(self.endpoint, self._model, self._kind)

    @property
    def name(self) -> str:
        return self.served.name

    @cached_property
    def forbidden(self) -> tuple[int, ...]:
        """Ids that stand for pictures, as far as the tokenizer or the server tells them."""
        if self.tokenizer is not None:
            ids = self.tokenizer.convert_tokens_to_ids(list(VISION_MARKS))
            unknown = (None, self.tokenizer.unk_token_id)
            return tuple(sorted({token for token in ids if token not in unknown}))
        if self.served.dialect.tokenizes:
            return tuple(sorted({t for mark in VISION_MARKS if (t := self._token(mark)) is not None}))
        return ()

    def generate(self, requests: Sequence[Request]) -> list[list[Completion]]:
        """Greedy completions of every prompt of every request.

        Raises:
            InputError: the server refuses a question. ModelError: it is not there, or its answers are of no use.
        """
        sampling = Sampling(samples=1, temperature=0, max_new_tokens=self.max_new_tokens)
        seeds = [[0] * len(request.prompts) for request in requests]
        return [[some[0] for some in drawn] for drawn in self.sample(requests, sampling, seeds)]

    def sample(
        self, requests: Sequence[Request], sampling: Sampling, seeds: Sequence[Sequence[int]]
    ) -> list[list[list[Completion]]]:
        """`sampling.samples` completions of every prompt of every request; see `protocol.Sampler`, and `generate`."""
        jobs = list(self._jobs(requests, sampling, seeds))
        answers: Iterator[Completion] = iter([c for some in self._all(jobs) for c in some])
        if sampling.temperature == 0:  # all alike: asked once
            return [[[next(answers)] * sampling.samples for _ in r.prompts] for r in requests]
        return [[[next(answers) for _ in range(sampling.samples)] for _ in r.prompts] for r in requests]

    def _jobs(
        self, requests: Sequence[Request], sampling: Sampling, seeds: Sequence[Sequence[int]]
    ) -> Iterator[_Job]:
        count = 1 if sampling.temperature == 0 else sampling.samples
        at_a_time = count if count == 1 or self.served.dialect.many else 1
        for request, own in zip(requests, seeds, strict=True):
            if not isinstance(request.picture, Picture) or isinstance(request.picture, Clip):
                raise InputError(
                    f"{self.endpoint.url} is shown pictures, no clips and not what a model here makes of them"
                )
            shown = _Shown(request.picture)
            for prompt, seed in zip(request.prompts, own, strict=True):
                for first in range(0, count, at_a_time):
                    yield _Job(shown, Ask(prompt, sampling, seed, first, at_a_time))

    def _all(self, jobs: Sequence[_Job]) -> list[list[Completion]]:
        """What comes of the jobs, in their order; after the first that fails no further one is begun."""
        if not jobs:
            return []
        _ = self.forbidden  # found out once, before many ask for it
        failed = threading.Event()

        def work(job: _Job) -> list[Completion]:
            if failed.is_set():
                return []  # nobody will see it: the failure is raised
            try:
                return self._one(job)
            except BaseException:
                failed.set()
                raise

        workers = self.concurrency if self.served.dialect.together else 1
        with ThreadPoolExecutor(min(workers, len(jobs))) as pool:
            return list(pool.map(work, jobs))

    def _one(self, job: _Job) -> list[Completion]:
        body = chat_body(self.served, job.shown.url, job.ask, self.forbidden)
        try:
            reply = self.endpoint.post("/v1/chat/completions", body)
        except Refused as error:
            raise self._explained(error, job) from error
        completions = read_reply(reply, job.ask.answers, self.endpoint.url)
        return [self._checked(self._with_tokens(c), job) for c in completions]

    def _explained(self, error: Refused, job: _Job) -> InputError | ModelError:
        """A refusal with what it is about and what can be done."""
        if error.status in _NO_KEY:
            return ModelError(f"{error}; put the server's key into $FINESIGHT_SERVER_KEY")
        if error.status in _WRONG_NAME:
            served = ", ".join(list_models(self.endpoint)) or "none"
            return ModelError(f"{self.endpoint.url} serves no model {self.name!r}; it serves {served}")
        if error.status >= 500:
            return error
        remedy = "shorten the question, ask for fewer tokens, or shrink the picture"
        what = f"{job.shown.picture.path}, {job.ask.prompt[:60]!r}"
        return InputError(f"{what}: {self.endpoint.url} refuses it: {error.reason}; {remedy}")

    def _with_tokens(self, completion: Completion) -> Completion:
        """A completion with ids made of its text where the server told none and a tokenizer is here.

        An answer may have been spelt with other tokens than those its text comes to: what is told per token stays
        only where they are as many.
        """
        if completion.tokens or self.tokenizer is None:
            return completion
        ids: list[int] = self.tokenizer(completion.text, add_special_tokens=False)["input_ids"]
        end = self.tokenizer.eos_token_id
        if completion.finished and ids[-1:] != [end]:
            ids = [*ids, end]
        made = completion._replace(tokens=tuple(ids))
        return made if len(made.logprobs) == len(ids) else made._replace(logprobs=(), starts=())

    def _checked(self, completion: Completion, job: _Job) -> Completion:
        """The completion itself.

        Raises:
            ModelError: it holds what stands for a picture, which a training step would take for one.
        """
        marks = [mark for mark in VISION_MARKS if mark in completion.text]
        ids = set(self.forbidden).intersection(completion.tokens)
        if not marks and not ids:
            return completion
        found = ", ".join([*marks, *map(str, sorted(ids))])
        remedy = "does it honour logit_bias?" if self.forbidden else "give ServerGenerator the tokenizer"
        raise ModelError(
            f"{self.endpoint.url}: an answer about {job.shown.picture.path} holds {found}, "
            f"which stands for a picture; {remedy}"
        )

    def _token(self, mark: str) -> int | None:
        """The id of a special token, as the server spells it; None where it is not one token there."""
        body = {"model": self.served.name, "prompt": mark, "add_special_tokens": False}
        try:
            tokens = self.endpoint.post("/tokenize", body)["tokens"]
            return int(tokens[0]) if len(tokens) == 1 else None
        except (Refused, TypeError, KeyError):
            return None
