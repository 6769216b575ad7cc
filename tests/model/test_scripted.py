from __future__ import annotations

import json

import pytest

from finesight.errors import ScriptError
from finesight.model.protocol import Request
from finesight.model.scripted import ScriptedGenerator
from finesight.schema.rollout import Sampling


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(f"answer {i}") + "\n" for i in range(7)))
    return path


def test_each_question_gets_its_next_lines(script, make_noise):
    requests = [Request(make_noise(0), ("a", "b")), Request(make_noise(1), ("c",))]
    drawn = ScriptedGenerator(script).sample(requests, Sampling(samples=2), [[1, 2], [3]])
    said = [[[c.text for c in some] for some in prompts] for prompts in drawn]
    assert said == [[["answer 0", "answer 1"], ["answer 2", "answer 3"]], [["answer 4", "answer 5"]]]


def test_a_script_goes_on_behind_what_was_answered(script, make_noise):
    drawn = ScriptedGenerator(script, answered=5).sample(
        [Request(make_noise(0), ("a",))], Sampling(samples=2), [[1]]
    )
    assert [c.text for c in drawn[0][0]] == ["answer 5", "answer 6"]


def test_a_script_that_is_too_short_says_so(script, make_noise):
    with pytest.raises(ScriptError, match="no answers left; the script needs one line an answer"):
        ScriptedGenerator(script).sample([Request(make_noise(0), ("a",))], Sampling(samples=8), [[1]])
