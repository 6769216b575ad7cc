from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from finesight.errors import InputError, ModelError, ScriptError
from finesight.model.diagnose import Diagnoser, default_model, load_diagnoser, outcome_of, with_confidence
from finesight.model.protocol import Completion
from finesight.model.scripted import ScriptedGenerator
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.picture import Picture
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.parse import parse_assess
from finesight.text.prompts import assess_prompt
from finesight.text.render import render_assess

NOISE = Finding(type=DistortionType.NOISE, severity=Severity.MINOR, box=Box.of(1, 2, 300, 400))
DARK = Finding(
    type=DistortionType.UNDEREXPOSURE, severity=Severity.SEVERE, box=Box.of(0, 0, 1000, 500), key=True
)
SAID = Diagnosis(content="A cat on a wall.", findings=(NOISE, DARK), level=Level.POOR)
ANSWER = render_assess(SAID)


@pytest.fixture
def picture() -> Picture:
    return Picture("cat.jpg", np.zeros((60, 80, 3), dtype=np.uint8), "0")


def spelt(text: str, logprob: float = -0.1) -> Completion:
    """A completion of one token a character."""
    return Completion(text, tuple(range(len(text))), (logprob,) * len(text))


def sure_of(completion: Completion, phrase: str, probability: float) -> Completion:
    """The same, its last mention of `phrase` said with that probability a token."""
    start = completion.text.rindex(phrase)
    said = [
        math.log(probability) if start <= i < start + len(phrase) else p
        for i, p in enumerate(completion.logprobs)
    ]
    return completion._replace(logprobs=tuple(said))


def script(path: Path, answers: list[object]) -> Path:
    path.write_text("\n".join(json.dumps(answer) for answer in answers) + "\n", encoding="utf-8")
    return path


def test_a_scripted_answer_becomes_an_outcome_from_end_to_end(tmp_path, picture):
    diagnoser = load_diagnoser(f"scripted:{script(tmp_path / 'a.jsonl', [ANSWER, {'answer': 'Nonsense.'}])}")
    good, bad = diagnoser.diagnose([picture, picture])
    assert good.diagnosis is not None
    assert [f.identity for f in good.diagnosis.findings] == [f.identity for f in SAID.findings]
    assert (good.diagnosis.level, good.diagnosis.content) == (SAID.level, SAID.content)
    assert (good.image, good.width, good.height, good.error) == ("cat.jpg", 80, 60, None)
    assert good.raw == ANSWER
    assert good.model == diagnoser.name == f"scripted:{tmp_path / 'a.jsonl'}"
    assert (good.score, [f.confidence for f in good.diagnosis.findings]) == (None, [None, None])
    assert bad.diagnosis is None
    assert bad.raw == "Nonsense."
    failure = parse_assess("Nonsense.")
    assert bad.error == f"the answer cannot be read: {failure.reason} (at character {failure.position})"


def test_every_picture_is_asked_for_its_assessment_once(picture):
    asked: list[tuple[str, ...]] = []

    class Recording:
        name = "recording"

        def generate(self, requests):
            asked.extend(r.prompts for r in requests)
            return [[Completion(ANSWER)] for _ in requests]

    outcomes = Diagnoser(Recording()).diagnose([picture] * 3)
    assert asked == [(assess_prompt(),)] * 3
    assert [o.error for o in outcomes] == [None] * 3


def test_the_score_is_the_expected_level(picture):
    levels = (0.1, 0.2, 0.4, 0.2, 0.1)
    outcome = outcome_of(picture, Completion(ANSWER, levels=levels), "m")
    assert outcome.score == pytest.approx(0.1 * 1 + 0.2 * 2 + 0.4 * 3 + 0.2 * 4 + 0.1 * 5)
    assert outcome_of(picture, Completion(ANSWER, levels=(0.0, 0.0, 0.0, 0.0, 1.0)), "m").score == 5.0
    assert outcome_of(picture, Completion(ANSWER), "m").score is None


def test_types_that_are_not_named_are_suspected_with_their_probability(picture):
    suspicions = tuple(
        Finding(type=t, severity=Severity.MINOR, box=Box.of(0, 0, 9, 9), confidence=i / 20)
        for i, t in enumerate(DistortionType)
    )
    outcome = outcome_of(picture, spelt(ANSWER)._replace(suspected=suspicions), "m")
    assert {f.type for f in outcome.suspected} == set(DistortionType) - {NOISE.type, DARK.type}
    told = outcome.record()["suspected"]
    assert [row["confidence"] for row in told] == sorted(
        (f.confidence for f in outcome.suspected), reverse=True
    )


def test_confidence_is_the_geometric_mean_of_what_says_a_finding():
    mark = "<|object_ref_start|>Minor noise<|object_ref_end|><|box_start|>(1,2),(300,400)<|box_end|>"
    assert ANSWER.count(mark) == 1
    half = spelt(ANSWER, math.log(0.5))
    assert [f.confidence for f in with_confidence(SAID, half).findings] == [pytest.approx(0.5)] * 2
    # Where only the corners are said with 0.9, the mean of the logarithms goes up by their share of the mark.
    corners = "(1,2),(300,400)"
    share = len(corners) / len(mark)
    raised = {f.type: f.confidence for f in with_confidence(SAID, sure_of(half, corners, 0.9)).findings}
    assert raised[DistortionType.NOISE] == pytest.approx(0.9**share * 0.5 ** (1 - share))
    assert raised[DistortionType.UNDEREXPOSURE] == pytest.approx(0.5)


def test_a_finding_said_twice_is_as_sure_as_it_was_the_first_time():
    phrase = "(0,0),(1000,500)"
    assert ANSWER.count(phrase) == 2  # among the distortions and as the key
    for probability in (1.0, 0.01):
        again = with_confidence(SAID, sure_of(spelt(ANSWER, math.log(0.2)), phrase, probability))
        assert next(f for f in again.findings if f.key).confidence == pytest.approx(0.2)


@pytest.mark.parametrize("logprob", [0.0, -1e-9, -3.0, -100.0])
def test_confidence_is_a_probability(logprob):
    judged = with_confidence(SAID, spelt(ANSWER, logprob))
    assert all(0 <= (f.confidence or 0) <= 1 for f in judged.findings)


def test_findings_of_a_back_end_that_does_not_tell_have_no_confidence():
    assert with_confidence(SAID, Completion(ANSWER)) == SAID


def test_the_model_is_the_named_one_else_the_environment_else_that_of_the_package(tmp_path, monkeypatch):
    from finesight.model import diagnose

    monkeypatch.delenv("FINESIGHT_MODEL", raising=False)
    assert default_model() == str(diagnose.SHIPPED_MODEL)
    monkeypatch.setattr(diagnose, "SHIPPED_MODEL", tmp_path)
    with pytest.raises(ModelError, match=r"install finesight again.*--model"):
        load_diagnoser()
    monkeypatch.setenv("FINESIGHT_MODEL", f"scripted:{script(tmp_path / 'b.jsonl', [ANSWER])}")
    assert load_diagnoser().name == f"scripted:{tmp_path / 'b.jsonl'}"
    assert load_diagnoser(f"scripted:{script(tmp_path / 'c.jsonl', [])}").name.endswith("c.jsonl")


def test_a_model_folder_is_loaded(tiny, tmp_path, picture):
    from finesight.model.load import save_model

    save_model(tiny("finesight_nano"), tmp_path / "nano")
    diagnoser = load_diagnoser(str(tmp_path / "nano"))
    diagnoser.generator.max_new_tokens = 4
    (outcome,) = diagnoser.diagnose([picture])
    assert diagnoser.name == "finesight-nano"
    assert outcome.error is not None
    assert outcome.error.startswith("the answer cannot be read")
    assert outcome.raw


def test_a_script_needs_no_torch(tmp_path):
    program = (
        "import sys; from finesight.model.diagnose import load_diagnoser;"
        f"load_diagnoser('scripted:{script(tmp_path / 'a.jsonl', [ANSWER])}');"
        "assert not {'torch', 'transformers', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ)


def test_a_script_that_runs_dry_says_so(tmp_path, picture):
    with pytest.raises(ScriptError, match=r"a\.jsonl: no answers left"):
        load_diagnoser(f"scripted:{script(tmp_path / 'a.jsonl', [ANSWER])}").diagnose([picture] * 2)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", "line 1 is not JSON"),
        (b'"a"\n\n3\n', "line 3: give"),
        (b'{"text": "a"}', "line 1: give"),
        (b"\xff", "read"),
    ],
)
def test_a_script_that_cannot_be_read_is_named_with_the_line(tmp_path, content, complaint):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"bad\.jsonl: .*{complaint}"):
        ScriptedGenerator(path)
    with pytest.raises(InputError, match="cannot be read"):
        ScriptedGenerator(tmp_path / "none.jsonl")
