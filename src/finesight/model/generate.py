"""Answers of a transformers model: a picture is encoded once, its prefix and each question are laid out once.

All answers to a question, and all questions of a picture, grow behind what they have in common (see stem).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from finesight.errors import ModelError
from finesight.model.box_rules import BoxRules, BoxTokens
from finesight.model.chat import encode
from finesight.model.coordinates import Coordinates, from_model, to_model
from finesight.model.decode import Choose, Rules, Written, decode
from finesight.model.draw import draw, likeliest, uniforms
from finesight.model.family import ImageFeatures
from finesight.model.lines import RowLine, StemLine, lay_stem
from finesight.model.load import LoadedModel
from finesight.model.protocol import Completion, Request
from finesight.model.rows import RowsFamily
from finesight.model.stem import Stem
from finesight.model.verdicts import pieces
from finesight.schema.picture import Picture
from finesight.schema.rollout import Sampling
from finesight.schema.taxonomy import Level

Size = tuple[int, int] | None
"""Width and height in pixels of a picture as a model sees it; None where features were kept, which do not tell."""


class Seen(NamedTuple):
    """What the model sees of a picture."""

    features: ImageFeatures
    size: Size


class Asked(NamedTuple):
    """A question of a group of requests: the picture it is of, its tokens, its seed; options: the tokens at which its
    options end, where they are to be judged.
    """

    picture: int
    tokens: list[int]
    seed: int
    options: tuple[int, ...] = ()


class TreeGenerator:
    """Answers requests with a loaded model, `rows` answers at a time.

    `vision_passes`, `prefix_tokens` and `question_tokens` count the work done, so that a test can hold it to once
    a picture and once a question.
    """

    def __init__(self, model: LoadedModel, max_new_tokens: int = 512, rows: int = 32) -> None:
        self.model = model
        self.max_new_tokens = max_new_tokens
        self.rows = rows
        self.vision_passes = 0
        self.prefix_tokens = 0
        self.question_tokens = 0
        self._levels = level_ids(model)
        self._boxes = BoxTokens.of(model.tokenizer.get_vocab())
        self._verdicts = model.verdict_tokens if model.description.verdicts else None

    @property
    def name(self) -> str:
        return self.model.name

    def generate(self, requests: Sequence[Request]) -> list[list[Completion]]:
        """Greedy completions of every prompt of every request, with the start of every token."""
        greedy = Sampling(samples=1, temperature=0, max_new_tokens=self.max_new_tokens)
        answers = self.sample(requests, greedy, [[0] * len(r.prompts) for r in requests])
        return [[self._with_starts(c) for (c,) in prompts] for prompts in answers]

    def sample(
        self, requests: Sequence[Request], sampling: Sampling, seeds: Sequence[Sequence[int]]
    ) -> list[list[list[Completion]]]:
        """Completions of every prompt of every request, [request][prompt][n]; see `protocol.Sampler`."""
        answers: list[list[list[Completion]]] = []
        with resting(self.model.family), torch.no_grad():
            for group in _groups(requests, sampling.samples, self.rows):
                answers += self._answer(group, sampling, seeds[len(answers) : len(answers) + len(group)])
        return answers

    def _answer(
        self, requests: Sequence[Request], sampling: Sampling, seeds: Sequence[Sequence[int]]
    ) -> list[list[list[Completion]]]:
        seen = [self._see(request) for request in requests]
        asked = self._ask(requests, seen, seeds, judged=not sampling.temperature)
        written = iter(self._write([s.features for s in seen], asked, sampling))
        return [
            [
                [self._completion(w, s.size) for w in islice(written, sampling.samples)]
                for _prompt in request.prompts
            ]
            for request, s in zip(requests, seen, strict=True)
        ]

    def _see(self, request: Request) -> Seen:
        """The features of a picture, which a picture that comes as such goes through the tower for."""
        picture = request.picture
        if isinstance(picture, ImageFeatures):
            return Seen(picture, None)
        pixels = self.model.see(picture) if isinstance(picture, Picture) else picture
        self.vision_passes += 1
        return Seen(self.model.family.features([pixels])[0], (pixels.width, pixels.height))

    def _ask(
        self,
        requests: Sequence[Request],
        seen: Sequence[Seen],
        seeds: Sequence[Sequence[int]],
        judged: bool,
    ) -> list[Asked]:
        """The tokens of every question, in the model's own coordinates.

        Args:
            judged: whether verdicts on options count, for a model that has them.
        """
        prompts = [
            (number, self._translate(prompt, to_model, seen[number].size), seed)
            for number, (request, own) in enumerate(zip(requests, seeds, strict=True))
            for prompt, seed in zip(request.prompts, own, strict=True)
        ]
        texts = [text for _, text, _ in prompts]
        tokens = self.model.ask(texts)
        places = self.model.option_places(texts) if judged and self._verdicts else [()] * len(texts)
        return [
            Asked(n, ids, seed, options)
            for (n, _, seed), ids, options in zip(prompts, tokens, places, strict=True)
        ]

    def _write(
        self, pictures: Sequence[ImageFeatures], asked: Sequence[Asked], sampling: Sampling
    ) -> Iterator[Written]:
        """The answers to every question in turn."""
        prefixes = [self.model.prefix(picture) for picture in pictures]
        family = self.model.family
        if isinstance(family, RowsFamily):
            for question in asked:
                logits, cache, said = self._read_row(family, prefixes, pictures, question)
                rules = self._rules(sampling)._replace(opening=self._opening([said]))
                for n in range(sampling.samples):
                    choose = self._choose([(question.seed, n)], sampling)
                    yield from decode(RowLine(family, cache, logits), 1, choose, rules)
            return
        if not asked:
            return
        self.prefix_tokens += sum(map(len, prefixes))
        self.question_tokens += sum(len(question.tokens) for question in asked)
        places = [q.options for q in asked] if any(q.options for q in asked) else ()
        stem = lay_stem(family, pictures, prefixes, [(q.picture, q.tokens) for q in asked], places)
        judged = [family.logits(marked) for marked in stem.marked]
        rows = [(number, n) for number in range(len(asked)) for n in range(sampling.samples)]
        for start in range(0, len(rows), self.rows):
            some = rows[start : start + self.rows]
            choose = self._choose([(asked[number].seed, n) for number, n in some], sampling)
            line = StemLine(family, stem, [number for number, _ in some])
            opening = self._opening([judged[number] for number, _ in some]) if judged else None
            rules = self._rules(sampling)._replace(opening=opening)
            for (number, _), written in zip(some, decode(line, len(some), choose, rules), strict=True):
                yield _at_a_glance(written, stem, number)

    def _rules(self, sampling: Sampling) -> Rules:
        """How some answers are written that are begun together."""
        boxes = BoxRules(self._boxes) if self._boxes and not sampling.temperature else None
        ends = self.model.chat.end_id
        return Rules(tuple(self.model.vision_ids), ends, sampling.max_new_tokens, self._levels, boxes)

    def _opening(self, judged: Sequence[Tensor]) -> Tensor | None:
        """(R, V): for each letter the log-odds that its option is right; None where no options were judged.

        Args:
            judged: of each of R answers the logits (n, V) at the ends of the options of its question.
        """
        words = self._verdicts
        if words is None or not any(len(logits) for logits in judged):
            return None
        opening = torch.zeros(len(judged), judged[0].shape[1], device=judged[0].device)
        for row, logits in enumerate(judged):
            odds = (logits[:, words.yes] - logits[:, words.no]).float()
            opening[row, list(words.letters[: len(odds)])] = odds
        return opening

    def _read_row(
        self,
        family: RowsFamily,
        prefixes: Sequence[list[int]],
        pictures: Sequence[ImageFeatures],
        question: Asked,
    ) -> tuple[Tensor, DynamicCache, Tensor]:
        """Of a model without an adapter: logits behind a question, the cache, logits (n, V) where its options end."""
        prefix, cache = prefixes[question.picture], DynamicCache()
        self.prefix_tokens += len(prefix)
        self.question_tokens += len(question.tokens)
        first, *rest = pieces(question.tokens, question.options)
        row = torch.tensor([[*prefix, *first]], device=family.device)
        read = [family.step(row, cache, pictures[question.picture])]
        read += [family.step(torch.tensor([piece], device=family.device), cache) for piece in rest]
        return read[-1], cache, torch.cat([read[-1][:0], *read[:-1]])

    def _choose(self, streams: Sequence[tuple[int, int]], sampling: Sampling) -> Choose:
        """How the tokens of some answers are chosen, each from its own random stream."""
        if sampling.temperature == 0:
            return lambda logits, _live, _step: likeliest(logits)
        drawn = torch.from_numpy(uniforms(streams, sampling.max_new_tokens)).to(self.model.family.device)
        return lambda logits, live, step: draw(
            logits, drawn[live, step], sampling.temperature, sampling.top_p
        )

    def _completion(self, written: Written, size: Size) -> Completion:
        text = self._translate(self.model.tokenizer.decode(list(written.tokens)), from_model, size)
        finished = written.tokens[-1:] == (self.model.chat.end_id,)
        return Completion(
            text, (), written.logprobs, written.levels, written.tokens, finished, written.suspected
        )

    def _with_starts(self, completion: Completion) -> Completion:
        decode, ids = self.model.tokenizer.decode, list(completion.tokens)
        # Token starts are those of the raw text; rewritten coordinates shift what follows.
        if decode(ids) != completion.text:
            return completion
        return completion._replace(starts=tuple(len(decode(ids[:i])) for i in range(len(ids))))

    def _translate(
        self, text: str, translate: Callable[[str, Coordinates, int, int], str], size: Size
    ) -> str:
        """A text to or from the model's own coordinates."""
        coordinates = self.model.description.coordinates
        if coordinates is Coordinates.THOUSANDTHS:
            return text
        if size is None:
            raise ModelError(
                f"{self.name} speaks pixels, and kept features do not tell the size of their picture: "
                "give the picture itself, or a model that speaks thousandths"
            )
        return translate(text, coordinates, *size)


@contextmanager
def resting(family: nn.Module) -> Iterator[None]:
    """Let a model be without dropout and recomputation for a while, even in the middle of training."""
    training = family.training
    family.eval()
    try:
        yield
    finally:
        family.train(training)


def _at_a_glance(written: Written, stem: Stem, question: int) -> Written:
    """An answer with what a dense head says of its picture, where there is one: all types, the level if it chose one.

    A dense head grades finely; the word that the decoder takes over from it is sure.
    """
    if stem.glances is None:
        return written
    seen = stem.glances[int(stem.picture[question])]
    levels = None if written.levels is None else seen.levels
    return written._replace(levels=levels, suspected=seen.types)


def _groups(requests: Sequence[Request], samples: int, rows: int) -> Iterator[list[Request]]:
    """Requests in order, as many together as have at most `rows` answers between them."""
    group: list[Request] = []
    answers = 0
    for request in requests:
        own = len(request.prompts) * samples
        if group and answers + own > rows:
            yield group
            group, answers = [], 0
        group.append(request)
        answers += own
    if group:
        yield group


def level_ids(model: LoadedModel) -> tuple[int, ...]:
    """First token of each level word in a sentence, worst to best; empty where two words share one."""
    ids = tuple(encode(model.tokenizer, f" {level.value}")[0] for level in Level)
    return ids if len(set(ids)) == len(ids) else ()
