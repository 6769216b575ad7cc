"""Pictures to outcomes: ask a generator for its assessment, read it, and weigh it by its probabilities."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from finesight.errors import ModelError
from finesight.model.crops import Window, cropped, merged, windows
from finesight.model.onnx.description import FILE as ONNX_FILE
from finesight.model.protocol import Completion, Generator, Request
from finesight.schema.answer import ParseFailure
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Clip, Outcome, Picture
from finesight.schema.taxonomy import Level
from finesight.text.grammar import Reason, name_in, read, scan
from finesight.text.parse import parse_assess
from finesight.text.prompts import assess_prompt

MODEL_VARIABLE = "FINESIGHT_MODEL"
SHIPPED_MODEL = Path(__file__).parent / "nano" / "weights"
"""The nano that comes with the package; docs/nano.md says how it was trained and what it can do."""
SCRIPTED, SERVER = "scripted:", "server:"


class Diagnoser:
    """Diagnoses pictures through any generator, one question a view: the whole, and crops of what is too large.

    most_pixels: area up to which the generator sees a picture in its own pixels; None: never crop.
    """

    def __init__(self, generator: Generator, most_pixels: int | None = None) -> None:
        self.generator = generator
        self.most_pixels = most_pixels

    @property
    def name(self) -> str:
        return self.generator.name

    def diagnose(self, pictures: Sequence[Picture]) -> list[Outcome]:
        """One outcome a picture, in order; an answer that cannot be read is an error with its reason."""
        frames = [self._windows(picture) for picture in pictures]
        views = [[p, *(cropped(p, w) for w in own)] for p, own in zip(pictures, frames, strict=True)]
        answers = self.generator.generate([Request(v, (assess_prompt(),)) for own in views for v in own])
        said = iter(answers)
        outcomes = [[outcome_of(view, next(said)[0], self.name) for view in own] for own in views]
        return [
            merged(whole, list(zip(own, parts, strict=True)))
            for (whole, *parts), own in zip(outcomes, frames, strict=True)
        ]

    def _windows(self, picture: Picture) -> list[Window]:
        if self.most_pixels is None or isinstance(picture, Clip):
            return []
        return windows(picture.width, picture.height, self.most_pixels)


def load_diagnoser(model: str | None = None, crops: bool = True) -> Diagnoser:
    """A diagnoser for `--model`; the default for None.

    A folder of a model or of ONNX graphs, a hub id, `scripted:FILE`, or `server:URL#NAME`.

    Args:
        crops: look at parts of large pictures too; a model behind a server looks as it is set up there.

    Raises:
        ModelError: nothing usable there. InputError: no script, or no URL of a server.
    """
    where = model or default_model()
    if where.startswith(SCRIPTED):
        from finesight.model.scripted import ScriptedGenerator

        return Diagnoser(ScriptedGenerator(Path(where.removeprefix(SCRIPTED))))
    if where.startswith(SERVER):
        from finesight.model.server import ServerGenerator

        return Diagnoser(ServerGenerator.named(where.removeprefix(SERVER)))
    if (Path(where) / ONNX_FILE).is_file():
        from finesight.model.onnx.run import OnnxGenerator

        exported = OnnxGenerator(Path(where))
        return Diagnoser(exported, exported.about.policy.max_pixels if crops else None)
    from finesight.model.generate import TreeGenerator
    from finesight.model.load import load_model

    loaded = load_model(where)
    return Diagnoser(TreeGenerator(loaded), loaded.description.policy.max_pixels if crops else None)


def default_model() -> str:
    """The model used when none is named: $FINESIGHT_MODEL, else the nano that comes with the package.

    Raises:
        ModelError: neither is there; an installation without its weights is not whole.
    """
    named = os.environ.get(MODEL_VARIABLE)
    if named:
        return named
    if (SHIPPED_MODEL / "config.json").is_file():
        return str(SHIPPED_MODEL)
    raise ModelError(
        f"{SHIPPED_MODEL}: the nano of the package is not here; install finesight again, or pass --model"
    )


def outcome_of(picture: Picture, completion: Completion, model: str) -> Outcome:
    """What an answer to the assessment prompt says of a picture."""
    said = parse_assess(completion.text)
    seen = {"image": picture.path, "width": picture.width, "height": picture.height}
    if isinstance(said, ParseFailure):
        reason = f"the answer cannot be read: {said.reason} (at character {said.position})"
        return Outcome(**seen, model=model, raw=completion.text, error=reason)
    score = Level.expected(completion.levels) if completion.levels else None
    named = {finding.type for finding in said.findings}
    return Outcome(
        **seen,
        diagnosis=with_confidence(said, completion),
        suspected=tuple(f for f in completion.suspected if f.type not in named),
        score=score,
        model=model,
        raw=completion.text,
    )


def with_confidence(diagnosis: Diagnosis, completion: Completion) -> Diagnosis:
    """The diagnosis with a confidence per finding.

    Confidence is the geometric mean of the probabilities of the tokens that say it, reference and box: how
    sure the model was of its words, in 0..1. A finding said twice has that of the first time: the second is a copy.
    """
    if not completion.starts:
        return diagnosis
    confidence: dict[object, float] = {}
    for mark in scan(read(completion.text).body)[0]:
        name = name_in(mark.label or "")
        inside = [
            p
            for s, p in zip(completion.starts, completion.logprobs, strict=True)
            if mark.start <= s < mark.end
        ]
        if isinstance(name, Reason) or not inside:
            continue
        said = math.exp(sum(inside) / len(inside))
        for box in mark.boxes:
            identity = (name.type, name.severity, box)
            confidence.setdefault(identity, said)

    def sure(finding: Finding) -> Finding:
        return finding.model_copy(update={"confidence": confidence.get(finding.identity)})

    return diagnosis.model_copy(update={"findings": tuple(map(sure, diagnosis.findings))})
