"""The sampler that `--model` names, and what its weights are told from others by."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from finesight.model.diagnose import SCRIPTED, SERVER
from finesight.model.protocol import Sampler

_PIECES, _PIECE_BYTES = 16, 1 << 16


def load_sampler(
    where: str,
    rows: int = 32,
    device: str | None = None,
    bf16: bool = False,
    answered: int = 0,
) -> Sampler:
    """A sampler for `--model`: a folder, a hub id, `server:URL#NAME` or `scripted:FILE`.

    Args:
        rows, device, bf16: of a model in this process: answers that are written at a time; where it is, as torch
            names it (None: a GPU if there is one, under torchrun that of the process); whether weights have 16 bits.
        answered: how many answers were given in former runs; a script goes on behind them.

    Raises:
        ModelError: nothing usable there. InputError: no script, or no URL of a server.
    """
    if where.startswith(SCRIPTED):
        from finesight.model.scripted import ScriptedGenerator

        return ScriptedGenerator(Path(where.removeprefix(SCRIPTED)), answered)
    if where.startswith(SERVER):
        from finesight.model.server import ServerGenerator

        return ServerGenerator.named(where.removeprefix(SERVER))
    import torch

    from finesight.model.generate import TreeGenerator
    from finesight.model.load import load_model

    own = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    model = load_model(where, device or own, torch.bfloat16 if bf16 else torch.float32)
    return TreeGenerator(model, rows=rows)


def mark_of_weights(where: str) -> str:
    """A digest of the files of a model folder, or of a script; "" of what is not on this machine.

    Large files are sampled: training moves all weights, so a few pieces tell. Times do not count, so that copies on
    several machines are the same.
    """
    place = Path(where.removeprefix(SCRIPTED))
    if not place.exists():
        return ""
    files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name}|{size}|".encode())
        step = max(_PIECE_BYTES, size // _PIECES)
        with file.open("rb") as opened:
            for start in range(0, size, step):
                opened.seek(start)
                digest.update(opened.read(_PIECE_BYTES))
    return digest.hexdigest()
