"""A generator that reads its answers from a file: for trying out everything around a model without one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from finesight.errors import InputError, ScriptError
from finesight.model.protocol import Completion, Request
from finesight.schema.rollout import Sampling


class ScriptedGenerator:
    """Hands out the answers of a JSONL file in order: one JSON string or `{"answer": ...}` a line."""

    def __init__(self, path: Path, answered: int = 0) -> None:
        """answered: lines that were handed out before, and are passed over."""
        self.name = f"scripted:{path}"
        self._answers = iter(_read(path)[answered:])

    def generate(self, requests: Sequence[Request]) -> list[list[Completion]]:
        """The next answers of the script.

        Raises:
            ScriptError: more questions than answers.
        """
        return [[Completion(self._next()) for _ in request.prompts] for request in requests]

    def sample(
        self, requests: Sequence[Request], sampling: Sampling, seeds: Sequence[Sequence[int]]
    ) -> list[list[list[Completion]]]:
        """The next answers of the script, `sampling.samples` to each question; there is nothing to draw.

        Raises:
            ScriptError: more questions than answers.
        """
        return [
            [[Completion(self._next()) for _ in range(sampling.samples)] for _ in request.prompts]
            for request in requests
        ]

    def _next(self) -> str:
        try:
            return next(self._answers)
        except StopIteration:
            raise ScriptError(f"{self.name}: no answers left; the script needs one line an answer") from None


def _read(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give a UTF-8 JSONL file of answers") from error
    return [_answer(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _answer(path: Path, number: int, line: str) -> str:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {number} is not JSON: {error.msg}") from error
    answer = value.get("answer") if isinstance(value, dict) else value
    if not isinstance(answer, str):
        raise InputError(f"{path}: line {number}: give a JSON string or an object with a string `answer`")
    return answer
