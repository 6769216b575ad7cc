"""A folder of mined samples: whole, for training, and not made twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from finesight.data.merge.folder import merge_folder
from finesight.data.mine.difficulty import Reason
from finesight.data.mine.folder import RECORD, MiningRecord, mine_folder
from finesight.data.mine.settings import MiningSettings
from finesight.data.readers import read_samples
from finesight.data.readers.samples import COMBINED
from finesight.errors import ConfigError, InputError
from finesight.schema.rollout import RolloutGroup, SampledAnswer, Sampling
from finesight.schema.sample import Sample, Subclass

GOOD = (0.2, 0.8, 0.2, 0.8)

KILLED = """
import os, signal, sys
from pathlib import Path
from finesight.data.mine import folder

name, when, rollouts, out = sys.argv[1:]
whole = getattr(folder, name)

def killed(*arguments):
    if when == "after":
        whole(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(folder, name, killed)
folder.mine_folder(Path(rollouts), Path(out))
"""


def group(index: int, rewards: Sequence[float | None], subclass: Subclass = Subclass.ASSESS) -> RolloutGroup:
    texts = {"question": f"Question {index}?", "answer": "A."}
    sample = Sample(id=f"s{index}", image=f"{index % 3}.png", subclass=subclass, **texts)
    answers = tuple(SampledAnswer(text="A.", reward=reward) for reward in rewards)
    return RolloutGroup(index=index, sample=sample, model="m", seed=0, sampling=Sampling(), answers=answers)


def write(path: Path, *groups: RolloutGroup) -> Path:
    path.write_text("".join(one.model_dump_json() + "\n" for one in groups), encoding="utf-8")
    return path


def samples(out: Path) -> list[Sample]:
    reading = read_samples(out / "samples" / COMBINED)
    found = list(reading)
    assert not reading.skipped
    return found


def files(out: Path) -> dict[str, tuple[int, bytes]]:
    """Inode and bytes of every file: what was written anew has another inode."""
    return {str(f.relative_to(out)): (f.stat().st_ino, f.read_bytes()) for f in out.rglob("*") if f.is_file()}


@pytest.fixture
def rollouts(tmp_path: Path) -> Path:
    groups = [group(i, GOOD, Subclass.MCQ if i % 2 else Subclass.ASSESS) for i in range(8)]
    return write(tmp_path / "rollouts.jsonl", *groups, group(8, (1.0,) * 4))


def test_the_folder_holds_the_samples_that_are_kept(rollouts, tmp_path):
    report, done = mine_folder(rollouts, tmp_path / "out")
    assert done
    assert [[part.index for part in s.parts] for s in samples(tmp_path / "out")] == [
        [0],
        [1, 7],
        [2],
        [3],
        [4],
        [5],
        [6],
    ]
    assert report.dropped == {Reason.TOO_EASY: 1, Reason.MERGED: 1}
    names = sorted(f.name for f in (tmp_path / "out" / "samples").iterdir())
    assert names == ["assess.json", COMBINED, "mcq.json"]


def test_what_was_mined_can_be_taken_apart(rollouts, tmp_path):
    mine_folder(rollouts, tmp_path / "out")
    merge_folder(tmp_path / "out", tmp_path / "back", "separate")
    assert [s.id for s in samples(tmp_path / "back")] == [f"s{i}" for i in range(8)]


def test_shards_in_a_folder_are_as_good_as_one_file(rollouts, tmp_path):
    lines = rollouts.read_text().splitlines(keepends=True)
    shards = tmp_path / "shards"
    shards.mkdir()
    for number in range(3):
        (shards / f"rollouts-{2 - number}.jsonl").write_text("".join(lines[number::3]))
    one, _ = mine_folder(rollouts, tmp_path / "one")
    several, _ = mine_folder(shards, tmp_path / "several")
    assert several == one
    assert samples(tmp_path / "several") == samples(tmp_path / "one")


def test_a_line_that_was_cut_off_is_in_the_report(rollouts, tmp_path):
    with rollouts.open("a") as file:
        file.write(group(9, GOOD).model_dump_json()[:-30])
    report, _ = mine_folder(rollouts, tmp_path / "out")
    assert [skipped.index for skipped in report.skipped] == [9]
    assert report.groups == 9


def test_nothing_is_done_twice(rollouts, tmp_path):
    first = mine_folder(rollouts, tmp_path / "out")
    before = files(tmp_path / "out")
    assert mine_folder(rollouts, tmp_path / "out") == (first[0], False)
    assert files(tmp_path / "out") == before


def test_other_settings_and_other_rollouts_make_it_anew(rollouts, tmp_path):
    out = tmp_path / "out"
    mine_folder(rollouts, out)
    no_choices = MiningSettings(subclasses={Subclass.MCQ: {"budget": 0}})
    report, done = mine_folder(rollouts, out, no_choices)
    assert done
    assert report.dropped[Reason.OVER_BUDGET] == 4
    assert {s.subclass for s in samples(out)} == {Subclass.ASSESS}
    assert not (out / "samples" / "mcq.json").exists()
    with rollouts.open("a") as file:
        file.write(group(9, GOOD).model_dump_json() + "\n")
    report, done = mine_folder(rollouts, out, no_choices)
    assert (done, report.groups) == (True, 10)


def test_samples_that_were_damaged_since_are_made_anew(rollouts, tmp_path):
    out = tmp_path / "out"
    mine_folder(rollouts, out)
    before = samples(out)
    (out / "samples" / COMBINED).write_text("[]")
    assert mine_folder(rollouts, out)[1]
    assert samples(out) == before


@pytest.mark.parametrize("step", ["write_text", "write_samples"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("begun", [False, True])
def test_killed_it_leaves_nothing_that_passes_for_whole_and_starts_again(
    rollouts, tmp_path, step, when, begun
):
    """Also where the next run has the settings of the last one that was whole, and not of the one killed."""
    out, former = tmp_path / "out", MiningSettings(budget=2)
    if begun:
        mine_folder(rollouts, out, former)
    program = [sys.executable, "-c", KILLED, step, when, str(rollouts), str(out)]
    assert subprocess.run(program, check=False, capture_output=True).returncode == -signal.SIGKILL
    mine_folder(rollouts, out, former)
    assert len(samples(out)) == 2
    assert mine_folder(rollouts, out)[1]
    assert len(samples(out)) == 7


def test_the_pictures_are_linked(rollouts, tmp_path):
    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "data" / "images" / "0.png").write_bytes(b"0")
    mine_folder(rollouts, tmp_path / "out")
    mine_folder(rollouts, tmp_path / "out", data=tmp_path / "data")
    assert (tmp_path / "out" / "images" / "0.png").read_bytes() == b"0"


def test_what_is_not_from_mining_is_not_overwritten(rollouts, tmp_path):
    (tmp_path / "data" / "samples").mkdir(parents=True)
    with pytest.raises(InputError, match="is not from mining"):
        mine_folder(rollouts, tmp_path / "data")
    assert not list((tmp_path / "data" / "samples").iterdir())


def test_rollouts_that_nobody_scored_are_refused(tmp_path):
    path = write(tmp_path / "rollouts.jsonl", group(0, [None] * 4), group(1, [None] * 4))
    with pytest.raises(ConfigError, match="run `finesight rollout score` first"):
        mine_folder(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_rollouts_that_were_scored_and_could_not_be_read_are_another_matter(tmp_path):
    answer = SampledAnswer(text="?", unscored="no letter at character 0")
    path = write(
        tmp_path / "rollouts.jsonl", group(0, [None] * 4).model_copy(update={"answers": (answer,) * 4})
    )
    with pytest.raises(InputError, match=r"none of its 1 groups is worth training on \(1 unscored\)"):
        mine_folder(path, tmp_path / "out")


def test_without_a_single_group_nothing_is_written(tmp_path):
    (tmp_path / "rollouts.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="no group that can be used among 1 lines"):
        mine_folder(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_record_says_what_it_was_made_of(rollouts, tmp_path):
    settings = MiningSettings(budget=3, seed=4)
    report, _ = mine_folder(rollouts, tmp_path / "out", settings)
    record = MiningRecord.model_validate_json((tmp_path / "out" / RECORD).read_bytes())
    assert record.report == report
    assert record.report.settings == settings
    assert list(record.inputs) == ["rollouts.jsonl"]
