"""The answers of a step, drawn once from the model itself: what every contender learns from, whatever it samples."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

from finesight.data.folder import image_path
from finesight.data.images import load_picture
from finesight.model.chat import encode
from finesight.model.generate import TreeGenerator
from finesight.model.load import LoadedModel, load_model
from finesight.model.protocol import Request
from finesight.schema.rollout import Sampling
from finesight.train.examples import read_folder

ANSWERS = "answers.json"


class Group(NamedTuple):
    """A question and the answers to it, as tokens. prefix: what stands before it; image: how many are the picture."""

    picture: Path
    question: str
    asked: list[int]
    prefix: list[int]
    image: int
    answers: list[list[int]]


def draw_answers(
    data: Path, folder: Path, answers: int, shortest: int, longest: int, seed: int
) -> dict[str, int]:
    """Write the groups of all questions of the data; returns what there is to count.

    A model with random weights ends an answer anywhere. So lengths are ours: those of a group are spread evenly from
    the shortest to the longest, in an order drawn by the seed, and each answer is what the model says without ever
    ending, cut to its length with the end token as the last.
    """
    model, samples = load_model(folder), list(read_folder(data))
    asked = model.ask([sample.question for sample in samples])
    requests = [
        Request(model.images(load_picture(image_path(data, s.image))), (s.question,)) for s in samples
    ]
    sampling = Sampling(samples=answers, temperature=1.0, max_new_tokens=longest)
    sampled = TreeGenerator(endless(model)).sample(
        requests, sampling, [(seed + n,) for n in range(len(samples))]
    )
    rng, end, other = Random(seed), model.chat.end_id, encode(model.tokenizer, "\n")[0]
    groups = []
    for sample, question, request, (drawn,) in zip(samples, asked, requests, sampled, strict=True):
        prefix = model.prefix(request.picture)
        lengths = rng.sample(spread(shortest, longest, answers), answers)
        # Where it would have ended it says the token of the newline instead.
        said = [[t if t != end else other for t in c.tokens] for c in drawn]
        cut = [[*tokens[: length - 1], end] for tokens, length in zip(said, lengths, strict=True)]
        image = prefix.count(model.chat.image_id)
        path = image_path(data, sample.image)
        groups.append(Group(path, sample.question, question, prefix, image, cut))
    rows = [{**group._asdict(), "picture": str(group.picture)} for group in groups]
    (data / ANSWERS).write_text(json.dumps({"longest": longest, "groups": rows}), encoding="utf-8")
    return count(groups)


def read_answers(data: Path) -> tuple[list[Group], int]:
    """The groups, and the tokens of the longest answer that is sampled."""
    told = json.loads((data / ANSWERS).read_text(encoding="utf-8"))
    return [Group(**{**row, "picture": Path(row["picture"])}) for row in told["groups"]], told["longest"]


def endless(model: LoadedModel) -> LoadedModel:
    """The same model, to which no token ends an answer: all answers become as long as they may be."""
    return replace(model, chat=replace(model.chat, end_id=-1))


def spread(shortest: int, longest: int, count: int) -> list[int]:
    """As many numbers as asked for, in equal steps from the shortest to the longest."""
    return [round(shortest + (longest - shortest) * i / (count - 1)) for i in range(count)]


def reward(answer: list[int]) -> float:
    """How many different tokens an answer has, up to 1: of the answer alone, so that everybody rewards alike.

    Longer answers earn more of it, as they tend to: else what is better and worse would cancel out in the loss.
    """
    return min(1.0, len(set(answer)) / 200)


def count(groups: list[Group]) -> dict[str, int]:
    """Tokens that a step has to compute for its update, without padding, in rows and in trees."""
    pictures = {group.picture: len(group.prefix) for group in groups}
    answers = [len(answer) for group in groups for answer in group.answers]
    before = sum((len(g.prefix) + len(g.asked)) * len(g.answers) for g in groups)
    return {
        "questions": len(groups),
        "answers": len(answers),
        "image_tokens": groups[0].image,
        "prompt_tokens": max(len(g.prefix) + len(g.asked) for g in groups),
        "answer_tokens": sum(answers),
        "shortest_answer": min(answers),
        "longest_answer": max(answers),
        "tokens_in_rows": before + sum(answers),
        "tokens_in_trees": sum(pictures.values()) + sum(len(g.asked) for g in groups) + sum(answers),
    }
