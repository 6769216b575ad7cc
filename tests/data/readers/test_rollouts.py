"""Files of rollouts: every good line, and a ledger of the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.readers import read_rollouts, rollout_files
from finesight.errors import InputError
from finesight.schema.box import Box
from finesight.schema.rollout import RolloutGroup, SampledAnswer, Sampling
from finesight.schema.sample import Part, Sample, Subclass

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.just("1. a\r\n\u2028\x85 b")
answers = st.builds(
    SampledAnswer,
    text=text,
    tokens=st.lists(st.integers(0, 2**31), max_size=3).map(tuple),
    logprobs=st.lists(st.floats(-50, 0), max_size=3).map(tuple),
    finished=st.booleans(),
    reward=st.none() | st.floats(0, 1),
    unscored=st.none() | text,
)
samples = st.builds(
    Sample,
    id=text,
    image=text,
    subclass=st.sampled_from(Subclass),
    question=text,
    answer=text,
    region=st.none() | st.just(Box.of(1, 2, 3, 4)),
    candidates=st.lists(text, max_size=2).map(tuple),
    parts=st.lists(st.builds(Part, id=text, index=st.integers(0, 9), source=text), max_size=2).map(tuple),
)
groups = st.builds(
    RolloutGroup,
    index=st.integers(0, 10**6),
    sample=samples,
    model=text,
    seed=st.integers(-(2**60), 2**60),
    sampling=st.just(Sampling(samples=2, temperature=1)),
    answers=st.lists(answers, max_size=2).map(tuple),
)


def line(**changes: object) -> str:
    record = {
        "index": 0,
        "sample": {"id": "s", "image": "a.png", "subclass": "mcq", "question": "?", "answer": "A."},
        "model": "m",
        "seed": 0,
        "sampling": {"samples": 1},
        "answers": [{"text": "A.", "reward": 1.0}],
    }
    return json.dumps(record | changes)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@given(st.lists(st.lists(groups, max_size=3), max_size=3))
def test_groups_come_back_as_they_were_shard_after_shard(tmp_path_factory, shards):
    folder = tmp_path_factory.mktemp("shards")
    for number, some in enumerate(shards):
        path = folder / f"rollouts-{number}.jsonl"
        path.write_text("".join(f"{one.model_dump_json()}\n" for one in some), encoding="utf-8", newline="")
    reading = read_rollouts(sorted(folder.iterdir()))
    assert list(reading) == [one for some in shards for one in some]
    assert reading.skipped == []


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line()[:-20], "EOF"),
        ("[]", "object"),
        (line(index=-1), "index"),
        (line(answers=[{"text": "A.", "reward": 1.5}]), "answers.0.reward"),
        (line(answers=[{"text": "A.", "reward": "0.5"}]), "answers.0.reward"),
        (line(answers=[{"text": "A.", "reward": True}]), "answers.0.reward"),
        (line(answers=[{"text": "A.", "reward": float("nan")}]), "answers.0.reward"),
        (line(answers=[{"text": "A.", "rewrad": 1.0}]), "answers.0.rewrad"),
        (line(sample={"id": "s"}), "sample.image"),
        (line(schema_version=2), "schema_version: 2, but only 1 is known"),
    ],
)
def test_a_line_that_is_no_group_is_skipped_with_its_number_and_the_rest_is_read(tmp_path, bad, reason):
    path = write(tmp_path / "rollouts.jsonl", line(), "", bad, line(index=1))
    reading = read_rollouts([path])
    assert [one.index for one in reading] == [0, 1]
    (skipped,) = reading.skipped
    assert (skipped.file, skipped.index) == (str(path), 2)
    assert reason in skipped.reason


def test_bytes_that_are_not_utf_8_cost_one_line(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    path.write_bytes(line().encode() + b"\n" + line(model="X").encode().replace(b"X", b"\xff") + b"\n")
    reading = read_rollouts([path])
    assert len(list(reading)) == len(reading.skipped) == 1


def test_a_folder_stands_for_its_shards_by_name(tmp_path):
    for name in ("rollouts-1.jsonl", "rollouts-0.jsonl", "rollouts.jsonl", "metrics.jsonl", "rollouts.json"):
        write(tmp_path / name, line())
    assert [f.name for f in rollout_files(tmp_path)] == [
        "rollouts-0.jsonl",
        "rollouts-1.jsonl",
        "rollouts.jsonl",
    ]
    assert rollout_files(tmp_path / "metrics.jsonl") == (tmp_path / "metrics.jsonl",)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(InputError, match="has no file"):
        rollout_files(tmp_path)
    with pytest.raises(InputError, match="not found"):
        rollout_files(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        list(read_rollouts([tmp_path]))
