"""Answers of an exported nano by onnxruntime: numbers in, numbers out, no torch.

As in generate.py, a picture is encoded once and its prefix is read once; every question goes on from what is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from finesight.errors import InputError, ModelError
from finesight.model.box_rules import BoxRules, BoxTokens
from finesight.model.frame import framed
from finesight.model.nano.glance import Glance, glance
from finesight.model.nano.votes import laid_out, votes_of
from finesight.model.onnx.description import read_description
from finesight.model.protocol import Completion, Request
from finesight.model.resize import CELL_PX
from finesight.model.verdicts import option_places, pieces
from finesight.schema.picture import Clip, Picture

Array = NDArray[np.float32]
Ids = NDArray[np.int64]


class Read(NamedTuple):
    """What is behind some tokens: logits (V,), and the cache of every layer in turn, (1, heads, length, size)."""

    logits: Array
    kept: tuple[Array, ...]


class OnnxGenerator:
    """Answers requests with the graphs of a folder that `finesight export onnx` wrote."""

    def __init__(self, folder: Path, max_new_tokens: int = 512, threads: int = 0) -> None:
        """threads: of onnxruntime; 0: as many as there are cores.

        Raises:
            ModelError: a file is missing or broken, or onnxruntime is not installed.
        """
        self.about = read_description(folder)
        self.max_new_tokens = max_new_tokens
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ModelError(f"{error.name} is not installed: pip install 'finesight[onnx]'") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._tower, self._encoder, self._projector, self._decoder = (
                onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options)
                for name in ("tower", "encoder", "projector", "decoder")
            )
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._boxes = BoxTokens.of(self._tokenizer.get_vocab())
        except Exception as error:  # both libraries raise classes of their own, and plain Exception
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{folder}: cannot be run ({reason}); export the model again") from error

    @property
    def name(self) -> str:
        return self.about.name

    def generate(self, requests: Sequence[Request]) -> list[list[Completion]]:
        """Greedy completions of every prompt of every request.

        Raises:
            InputError: a request has no picture but what another model has made of one, or a question holds a
                token that stands for pictures.
        """
        return [list(self._answers(request)) for request in requests]

    def _answers(self, request: Request) -> Iterator[Completion]:
        if not isinstance(request.picture, Picture) or isinstance(request.picture, Clip):
            raise InputError(
                f"{self.name}: takes pictures, no clips and not what another model has kept of them"
            )
        tokens, grid, seen = self._see(request.picture)
        prefix = [*self.about.head, *[self.about.image_id] * len(tokens), *self.about.neck]
        places = positions(len(self.about.head), grid, len(self.about.neck))
        stem = self._read(np.array(prefix), places, self._nothing(), tokens)
        following = int(places.max()) + 1
        for prompt in request.prompts:
            question = self._tokenizer.encode(prompt + self.about.tail, add_special_tokens=False)
            if set(question.ids) & set(self.about.forbidden):
                raise InputError(f"{prompt[:80]!r} holds a token that stands for a picture; take it out")
            ends = option_places(prompt, question.offsets) if self.about.verdicts else ()
            yield self._write(list(pieces(question.ids, ends)), following, stem.kept, seen)

    def _see(self, picture: Picture) -> tuple[Array, tuple[int, int], Glance]:
        """Decoder tokens of a picture, (cells, width), its grid (h, w), and what the dense head says of it."""
        width, height = self.about.policy.fit(picture.width, picture.height)
        pixels = framed(picture.rgb, width, height).transpose(2, 0, 1)[None].astype(np.float32)
        grid = height // CELL_PX, width // CELL_PX
        spots = centres(grid)
        (features,) = self._tower.run(None, {"pixels": pixels})
        seen = self._encoder.run(None, {"features": features, "centres": spots})
        _hidden, presence, _key, severity, box, *whole = seen
        _level, types, _tilt = whole
        ballot = laid_out(votes_of(_sigmoid(presence), box, _sigmoid(types), grid), *presence.shape)
        names = [node.name for node in self._projector.get_inputs()]
        known = dict(zip(_SEEN, (spots, *seen, *ballot), strict=True))
        (tokens,) = self._projector.run(None, {name: known[name] for name in names})
        return tokens, grid, glance(presence, severity, box, *whole)

    def _read(self, ids: Ids, places: Ids, kept: tuple[Array, ...], image: Array | None = None) -> Read:
        """Read tokens (L,) at positions (3, L) behind what is kept; image: what stands for the picture in them."""
        pictured = ids == self.about.image_id
        given = np.zeros((len(ids), self.about.width), np.float32)
        if image is not None:
            given[pictured] = image
        feed: dict[str, Any] = {
            "ids": ids[None],
            "image": given,
            "pictured": pictured,
            "positions": places[:, None],
        }
        logits, *now = self._decoder.run(None, feed | dict(zip(self._past(), kept, strict=True)))
        return Read(logits[0], tuple(now))

    def _read_text(self, new: Sequence[int], following: int, kept: tuple[Array, ...]) -> Read:
        """Read tokens of text, of which the first stands at `following`."""
        places = np.broadcast_to(np.arange(following, following + len(new)), (3, len(new)))
        return self._read(np.array(new), places, kept)

    def _past(self) -> list[str]:
        return [f"past_{kind}.{layer}" for layer in range(self.about.layers) for kind in ("keys", "values")]

    def _nothing(self) -> tuple[Array, ...]:
        heads, size = self.about.kept
        return tuple(np.zeros((1, heads, 0, size), np.float32) for _ in range(2 * self.about.layers))

    def _write(
        self, question: Sequence[list[int]], following: int, kept: tuple[Array, ...], seen: Glance
    ) -> Completion:
        """The likeliest answer to a question, token by token.

        Args:
            question: its tokens in pieces, each but the last up to the end of an option that is judged. seen: what
                the dense head says beside the answer.
        """
        tokens: list[int] = []
        logprobs: list[float] = []
        *options, new = question
        words, odds = self.about.verdicts, []
        boxes = BoxRules(self._boxes) if self._boxes else None
        for piece in options:
            logits, kept = self._read_text(piece, following, kept)
            following += len(piece)
            odds += [logits[words.yes] - logits[words.no]] if words else []
        while True:
            logits, kept = self._read_text(new, following, kept)
            following += len(new)
            if words and odds and not tokens:
                logits[list(words.letters[: len(odds)])] += np.array(odds)
            logits[list(self.about.forbidden)] = -np.inf
            if boxes:
                logits = _only(logits, boxes.allowed(0, int(logits.argmax())))
            said = _log_softmax(logits)
            token = int(said.argmax())
            tokens.append(token)
            if boxes:
                boxes.enter(0, token)
            logprobs.append(float(said[token]))
            if token == self.about.end_id or len(tokens) == self.max_new_tokens:
                break
            new = [token]
        return self._completion(tokens, logprobs, seen)

    def _completion(self, tokens: list[int], logprobs: list[float], seen: Glance) -> Completion:
        text = self._text(tokens)
        starts = tuple(len(self._text(tokens[:i])) for i in range(len(tokens)))
        levels = None if set(tokens).isdisjoint(self.about.levels) else seen.levels
        finished = tokens[-1] == self.about.end_id
        return Completion(text, starts, tuple(logprobs), levels, tuple(tokens), finished, seen.types)

    def _text(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=False)
        return text


_SEEN = (
    "centres", "hidden", "presence", "key", "severity", "box", "level", "types", "tilt",
    "weights", "kinds", "extents",
)  # fmt: skip


def centres(grid: tuple[int, int]) -> Array:
    """(h * w, 4) centre and size of each cell in shares of the picture, in rows."""
    h, w = grid
    y, x = np.meshgrid((np.arange(h) + 0.5) / h, (np.arange(w) + 0.5) / w, indexing="ij")
    spots = np.stack([x, y, np.full_like(x, 1 / w), np.full_like(x, 1 / h)], -1)
    return spots.reshape(-1, 4).astype(np.float32)


def positions(head: int, grid: tuple[int, int], neck: int) -> Ids:
    """(3, P) rotary positions (time, height, width) of a prefix with one picture.

    References:
        Wang et al., "Qwen2-VL", arXiv 2409.12191, section 2.1 (M-RoPE): text counts on in all three, a picture in
        its rows and columns, and what follows begins behind the largest.
    """
    h, w = grid
    y, x = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
    picture = np.stack([np.zeros(h * w, np.int64), y.ravel(), x.ravel()]) + head
    before = np.broadcast_to(np.arange(head), (3, head))
    behind = np.broadcast_to(np.arange(neck) + head + max(h, w), (3, neck))
    return np.concatenate([before, picture, behind], axis=1)


def _only(logits: Array, some: Sequence[int]) -> Array:
    """The logits of some tokens, and of no other; all where there are none."""
    if not some:
        return logits
    left = np.full_like(logits, -np.inf)
    left[list(some)] = logits[list(some)]
    return left


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _log_softmax(x: Array) -> NDArray[np.float64]:
    shifted = x.astype(np.float64) - x.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))
