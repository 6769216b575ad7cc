"""A model that is asked once a picture: its diagnosis answers all of a bench."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from finesight.data.folder import read_folder
from finesight.data.synthesise import SynthesisConfig, synthesise
from finesight.schema.annotation import Annotation
from finesight.text.render import render_assess
from finesight.ui.cli import app


def invoke(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def bench(tmp_path: Path, count: int) -> list[Annotation]:
    """`tmp_path`/bench, and what is true of its pictures, by name."""
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels).resize((600, 400)).save(tmp_path / "photos" / "a.png")
    made = tmp_path / "made"
    synthesise(
        [tmp_path / "photos" / "a.png"], made, SynthesisConfig(count=count, size=128, seed=5, clean_share=0)
    )
    invoke("data", "bench", made, tmp_path / "bench")
    return sorted(read_folder(made), key=lambda a: a.image)


def test_a_perfect_diagnosis_answers_choices_and_regions_too(tmp_path) -> None:
    said = bench(tmp_path, 6)
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(render_assess(a.diagnosis())) + "\n" for a in said))
    # One answer a picture: a second question to the model would find the script at its end.
    words = ("--model", f"scripted:{script}", "--by-diagnosis", "--json")
    assert json.loads(invoke("eval", "answer", tmp_path / "bench", tmp_path / "out", *words))["answers"] > 20
    scores = json.loads(
        invoke("eval", "mipi", tmp_path / "out", tmp_path / "bench", "--json", "--protocol", "strict")
    )
    assert (scores["final"], scores["unparsed"]) == (6, 0)


def test_a_diagnosis_that_cannot_be_read_is_counted_and_not_guessed(tmp_path) -> None:
    bench(tmp_path, 2)
    script = tmp_path / "script.jsonl"
    script.write_text('"all sorts of things"\n' * 2)
    words = ("--model", f"scripted:{script}", "--by-diagnosis", "--json")
    said = json.loads(invoke("eval", "answer", tmp_path / "bench", tmp_path / "out", *words))["unparsed"]
    assert said["description"] == 2
    assert said["grounding"] > 0
    assert said["perception"] == 0
