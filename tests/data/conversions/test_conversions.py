"""Sheets whose dynamic range is known: graded as they say, the same for a seed, and read by the rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from finesight.data.conversions.grade import STOPS, graded, overlaid
from finesight.data.conversions.make import make_sheets, sample_of, split_photos
from finesight.data.conversions.sheet import CELL_PX, frames_of, sheet_of
from finesight.data.light import measure
from finesight.errors import InputError
from finesight.schema.answer import ParseFailure
from finesight.schema.hdr import Level
from finesight.scoring.conversions import score_conversions
from finesight.text.conversion import CANDIDATES, answer_of, conversion_prompt, parse_conversion
from finesight.ui.cli import app

data = pytest.importorskip("skimage.data", reason="pip install scikit-image")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "chelsea"):
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    return folder


@pytest.mark.parametrize("level", Level)
def test_a_grade_has_the_range_that_was_asked_for(level: Level) -> None:
    made = [graded(data.coffee(), level, np.random.default_rng(seed)) for seed in range(6)]
    stops = [measure(one)[0].stops for one in made if one is not None]
    assert len(stops) >= 4
    low, high = STOPS[level]
    assert all(low - 0.3 <= one <= high + 0.3 for one in stops)


def test_a_plain_picture_cannot_be_graded() -> None:
    assert graded(np.full((60, 80, 3), 90, np.uint8), Level.D2, np.random.default_rng(0)) is None


def test_a_sheet_holds_four_frames() -> None:
    frames = [np.full((90, 160, 3), 40 * n, np.uint8) for n in range(6)]
    sheet = sheet_of(frames)
    assert sheet.shape == (2 * CELL_PX, 2 * CELL_PX, 3)
    assert [int(cell[5, 5, 0]) for cell in frames_of(sheet)] == [0, 80, 120, 200]
    assert [int(cell[5, 5, 0]) for cell in frames_of(sheet_of(frames[2:3]))] == [80] * 4
    with pytest.raises(ValueError, match="a frame"):
        sheet_of([])


def test_what_lies_over_a_frame_is_of_the_seed() -> None:
    one, same, other = (overlaid(data.coffee(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_the_answer_is_read_back() -> None:
    for level in Level:
        assert parse_conversion(answer_of(level)) is level
        assert sample_of("a.jpg", level).candidates == CANDIDATES
    assert isinstance(parse_conversion("E."), ParseFailure)
    assert all(candidate in conversion_prompt() for candidate in CANDIDATES)


def test_sheets_are_of_the_seed_and_every_level_is_there(tmp_path: Path, photos: Path) -> None:
    found = sorted(photos.iterdir())
    samples = make_sheets(found, tmp_path / "a", 8, 3)
    assert make_sheets(found, tmp_path / "b", 8, 3) == samples
    assert [sample.answer for sample in samples] == ["A.", "B.", "C.", "D."] * 2
    for sample in samples:
        files = [(tmp_path / side / "images" / sample.image).read_bytes() for side in "ab"]
        assert files[0] == files[1]
    plain = tmp_path / "plain.png"
    Image.new("RGB", (90, 90), "grey").save(plain)
    with pytest.raises(InputError, match="can be graded to D0"):
        make_sheets([plain], tmp_path / "c", 1, 0)


def test_no_photograph_is_on_both_sides(photos: Path) -> None:
    train, test = split_photos(sorted(photos.iterdir()), 0.4, 0)
    assert train
    assert test
    assert not set(train) & set(test)


def test_scores_are_shares_of_right_choices() -> None:
    truth = [Level.D0, Level.D1, Level.D1, Level.D3]
    score = score_conversions(truth, [Level.D0, Level.D1, Level.D2, None], ["a", "a", "b", "b"])
    assert (score.accuracy, score.unreadable) == (0.5, 1)
    assert score.by_level == {Level.D0: 1, Level.D1: 0.5, Level.D3: 0}
    assert score.interval == (0, 1)
    with pytest.raises(ValueError, match="nothing"):
        score_conversions([], [], [])


def told(*words: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_made_and_evaluated_from_the_command_line(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "set"
    assert told("data", "conversions", photos, out, "--count", 20, "--json") == {"train": 16, "test": 4}
    script = tmp_path / "always.jsonl"
    script.write_text((json.dumps({"answer": "B."}) + "\n") * 16)
    found = told("eval", "conversions", out / "train", "--model", f"scripted:{script}", "--json")
    assert found["sheets"] == 16
    assert found["by"]["rules"]["accuracy"] > 0.6
    assert found["by"][f"scripted:{script}"]["by_level"] == {"D0": 0, "D1": 1, "D2": 0, "D3": 0}
