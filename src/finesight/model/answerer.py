"""A loaded model behind a queue: questions from many threads, answered together where that changes nothing.

One thread works on the model. What waits while it works is answered next: questions that are to be drawn alike
together, those of one picture as branches of one prefix. No answer depends on its company (see `protocol.Sampler`).
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import groupby, takewhile
from pathlib import Path
from typing import NamedTuple

import torch

from finesight.errors import InputError, ModelError
from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel, load_model
from finesight.model.protocol import Completion, Request
from finesight.model.spelling import Spelling
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
GATHERING_S = 0.01
"""How long the first question of a round waits for others that were sent together with it."""


class Question(NamedTuple):
    """A question of a picture, and how its answers are to be drawn."""

    picture: Picture
    prompt: str
    sampling: Sampling
    seed: int = 0


class Answered(NamedTuple):
    """The answers to a question; question_tokens: of picture and question, as the model read them."""

    completions: list[Completion]
    question_tokens: int


@dataclass(eq=False)
class _Asked:
    """picture: the same for the same pixels."""

    question: Question
    picture: str
    answer: Future[Answered] = field(default_factory=Future)


@dataclass(eq=False)
class _Exchange:
    folder: Path
    answer: Future[None] = field(default_factory=Future)


class Answerer:
    """Answers questions with a model, about `rows` answers at a time.

    `rounds` counts how often the model was set to work; `spell` gives the bytes of a token.
    """

    def __init__(self, model: LoadedModel, rows: int = 32) -> None:
        """Nothing is answered before `start`."""
        self.name = model.name
        self.rows = rows
        self.rounds = 0
        self._work_with(model)
        self._waiting: list[_Asked | _Exchange] = []
        self._inbox: queue.SimpleQueue[_Asked | _Exchange | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="answerer", daemon=True)

    @property
    def model(self) -> LoadedModel:
        return self.generator.model

    @property
    def context(self) -> int | None:
        """The most tokens of picture, question and answer together; None where the model knows no limit."""
        config = self.model.family.model.config.get_text_config()
        limit: int | None = getattr(config, "max_position_embeddings", None)
        return limit

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Finish the round that is at work, and refuse what waits."""
        self._closed.set()
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._take()
        for item in self._waiting:
            if item.answer.set_running_or_notify_cancel():
                item.answer.set_exception(ModelError(f"{self.name}: the server is stopping"))
        self._waiting.clear()

    def ask(self, question: Question) -> Future[Answered]:
        """The answers to a question once they are there; an InputError where it cannot be asked."""
        rgb = question.picture.rgb
        asked = _Asked(question, f"{rgb.shape}{hashlib.sha256(rgb.tobytes()).hexdigest()}")
        self._inbox.put(asked)
        return asked.answer

    def exchange(self, folder: Path) -> Future[None]:
        """Done when what is asked later is answered with the weights of a folder; what was asked before is not.

        A ModelError, and nothing is changed, where the folder holds no model of the same make.
        """
        exchange = _Exchange(folder)
        self._inbox.put(exchange)
        return exchange.answer

    def text(self, completion: Completion) -> str:
        """The text of a completion without its end token."""
        end = self.model.tokenizer.convert_ids_to_tokens(self.model.chat.end_id)
        return completion.text.removesuffix(end) if completion.finished else completion.text

    def _work_with(self, model: LoadedModel) -> None:
        self.generator = TreeGenerator(model, rows=self.rows)
        self.spell = Spelling(model.tokenizer)

    def _work(self) -> None:
        while not self._closed.is_set():
            self._take(wait=not self._waiting)
            if self._waiting and not self._closed.is_set():
                self._round()

    def _take(self, wait: bool = False) -> None:
        """Take what has come in; with `wait` at least one item, and what follows it closely."""
        try:
            item = self._inbox.get(block=wait)
            while item is not None:
                self._waiting.append(item)
                item = self._inbox.get(block=wait, timeout=GATHERING_S)
        except queue.Empty:
            pass

    def _round(self) -> None:
        """Exchange the weights, or answer the first question that waits and what goes with it."""
        self.rounds += 1
        first = self._waiting[0]
        if isinstance(first, _Exchange):
            self._waiting.pop(0)
            self._exchange(first)
            return
        together = self._together(first)
        self._waiting = [item for item in self._waiting if item not in together]
        # Who asked may have gone. Once an answer is under way it cannot be withdrawn any more.
        if wanted := [asked for asked in together if asked.answer.set_running_or_notify_cancel()]:
            self._answer(wanted)

    def _exchange(self, exchange: _Exchange) -> None:
        if not exchange.answer.set_running_or_notify_cancel():
            return
        try:
            self._work_with(exchanged(self.model, exchange.folder))
        except Exception as error:
            exchange.answer.set_exception(error)
        else:
            exchange.answer.set_result(None)

    def _together(self, first: _Asked) -> list[_Asked]:
        """The questions to answer with the first one: drawn alike, before any exchange, picture by picture."""
        sampling = first.question.sampling
        before = takewhile(lambda item: isinstance(item, _Asked), self._waiting)
        alike = [i for i in before if isinstance(i, _Asked) and i.question.sampling == sampling]
        places: dict[str, int] = {}
        for asked in alike:
            places.setdefault(asked.picture, len(places))
        alike.sort(key=lambda asked: places[asked.picture])
        return alike[: max(1, self.rows // sampling.samples)]

    def _answer(self, together: Sequence[_Asked]) -> None:
        """Give each question its answers, or the error that stands in the way of it and of no other."""
        try:
            answered = self._answered(together)
        except Exception as error:
            if len(together) == 1:
                together[0].answer.set_exception(error)
                return
            for asked in together:
                self._answer([asked])
            return
        for asked, answers in zip(together, answered, strict=True):
            asked.answer.set_result(answers)

    def _answered(self, together: Sequence[_Asked]) -> list[Answered]:
        """What the model says to questions that are drawn alike and stand picture by picture."""
        groups = [list(group) for _, group in groupby(together, key=lambda asked: asked.picture)]
        requests, counts, seeds = [], [], []
        for group in groups:
            pixels = self.model.see(group[0].question.picture)
            prompts = tuple(asked.question.prompt for asked in group)
            prefix = len(self.model.prefix(pixels))
            counts += [prefix + len(tokens) for tokens in self.model.ask(prompts)]
            requests.append(Request(pixels, prompts))
            seeds.append([asked.question.seed for asked in group])
        sampling = together[0].question.sampling
        self._check(max(counts), sampling.max_new_tokens)
        drawn = self.generator.sample(requests, sampling, seeds)
        completions = [some for answers in drawn for some in answers]
        return [Answered(some, count) for some, count in zip(completions, counts, strict=True)]

    def _check(self, asked: int, answered: int) -> None:
        """See that an answer has room.

        Raises:
            InputError: it has not.
        """
        if self.context is not None and asked + answered > self.context:
            raise InputError(
                f"{asked} tokens of picture and question and {answered} of the answer are more than the "
                f"context of {self.name}, which is {self.context}"
            )


def load_answerer(
    where: str, name: str | None = None, rows: int = 32, device: str = "cpu", dtype: str = "float32"
) -> Answerer:
    """An answerer with a model folder or hub id, under another name where one is given.

    Raises:
        ModelError: nothing usable there. InputError: an unknown device or dtype.
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r} is unknown; known are {', '.join(DTYPES)}")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {device!r} is not here: {str(error).splitlines()[0]}") from error
    answerer = Answerer(load_model(where, device, DTYPES[dtype]), rows)
    answerer.name = name or answerer.name
    return answerer


def exchanged(model: LoadedModel, folder: Path) -> LoadedModel:
    """The model with the weights of a folder put into it, and with all that the folder says beside them.

    Raises:
        ModelError: no model there, or one of another make; nothing is changed then.
    """
    weights = model.family.model.state_dict()
    new = load_model(folder, dtype=next(iter(model.family.model.parameters())).dtype)
    given = new.family.model.state_dict()
    makes = [(m.family.model.config.model_type, m.tokenizer.get_vocab()) for m in (model, new)]
    shapes = [{name: weight.shape for name, weight in w.items()} for w in (weights, given)]
    if makes[0] != makes[1] or shapes[0] != shapes[1]:
        raise ModelError(
            f"{folder}: family, vocabulary or sizes are not those of {model.name}, which is served; "
            "start a server for this model"
        )
    model.family.model.load_state_dict(given)
    return replace(new, family=model.family)
