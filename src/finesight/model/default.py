"""Where the model is that is used when none is named. Without torch, so that the doctor can look too."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "FINESIGHT_MODEL"
DEMO_MODEL = Path("runs", "demo", "model")


def default_places() -> list[Path]:
    """Folders in the order they are tried: `$FINESIGHT_MODEL` alone where set, else the demo's model."""
    if named := os.environ.get(VARIABLE):
        return [Path(named)]
    checkout = Path(__file__).resolve().parents[3]
    return list(dict.fromkeys([Path.cwd() / DEMO_MODEL, checkout / DEMO_MODEL]))


def find_default_model() -> Path | None:
    """The first of those folders that holds a model; None where none does."""
    return next((place for place in default_places() if (place / "config.json").is_file()), None)
