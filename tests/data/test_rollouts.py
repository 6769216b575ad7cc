"""A folder of rollouts that is written, cut off anywhere, gone on with, and scored anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finesight.data.readers import Skipped, read_rollouts
from finesight.data.rollouts import RolloutLog, RolloutRecord, Scoring, Shard, score_again
from finesight.errors import ConfigError, InputError
from finesight.schema.rollout import RolloutGroup, SampledAnswer, Sampling
from finesight.schema.sample import Sample, Subclass

SCORING = Scoring(settings={"hit": 0.5})
RECORD = RolloutRecord(data="d", model="m", weights="w", sampling=Sampling(), seed=0, scoring=SCORING)
WHOLE = Shard()


def group(index: int, text: str = "yes\u2028\u00e9") -> RolloutGroup:
    return RolloutGroup(
        index=index,
        sample=Sample(id="s", image="a.png", subclass=Subclass.QA, question="?", answer="!"),
        model="m",
        seed=index,
        sampling=Sampling(),
        answers=(SampledAnswer(text=text, reward=0.25), SampledAnswer(text="no", unscored="because")),
    )


def write(folder: Path, indices: range, record: RolloutRecord = RECORD, shard: Shard = WHOLE) -> set[int]:
    """Write groups that are not there yet; those that were."""
    with RolloutLog(folder, record, shard) as log:
        before = set(log.done)
        for start in range(0, len(indices), 2):
            log.add(group(i) for i in indices[start : start + 2] if i not in before)
    return before


def read(folder: Path) -> list[RolloutGroup]:
    reading = read_rollouts(sorted(folder.glob("rollouts*.jsonl")))
    groups = list(reading)
    assert not reading.skipped
    return groups


def test_a_file_cut_off_at_any_byte_ends_as_if_it_had_not_been(tmp_path):
    write(tmp_path / "whole", range(3))
    content = (tmp_path / "whole/rollouts.jsonl").read_bytes()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    for cut in {*range(0, len(content), 37), *ends, *(e - 1 for e in ends), *(e + 1 for e in ends[:-1])}:
        write(tmp_path / "cut", range(3))
        (tmp_path / "cut/rollouts.jsonl").write_bytes(content[:cut])
        assert write(tmp_path / "cut", range(3)) == set(range(sum(end <= cut for end in ends)))
        assert (tmp_path / "cut/rollouts.jsonl").read_bytes() == content


def test_groups_are_on_the_disk_when_they_are_added(tmp_path):
    with RolloutLog(tmp_path, RECORD, WHOLE) as log:
        log.add([group(4), group(2)])
        assert read(tmp_path) == [group(4), group(2)]
        assert log.done == {2, 4}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 7}, "seed is 7, was 0"),
        ({"weights": "v"}, 'weights is "v", was "w"'),
        ({"sampling": Sampling(temperature=0.5)}, "sampling is"),
        ({"data": "e", "thinking": True}, "data is .*; thinking is true, was false"),
        ({"shards": 2}, "shards is 2, was 1"),
    ],
)
def test_rollouts_of_other_settings_are_refused(tmp_path, change, told):
    write(tmp_path, range(2))
    content = (tmp_path / "rollouts.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=f"holds rollouts of other settings: {told}"):
        write(tmp_path, range(4), RECORD.model_copy(update=change), Shard(index=1, count=2))
    assert (tmp_path / "rollouts.jsonl").read_bytes() == content


def test_other_rewards_are_refused_with_the_way_out(tmp_path):
    write(tmp_path, range(2))
    other = RECORD.model_copy(update={"scoring": Scoring(settings={"hit": 0.7})})
    with pytest.raises(ConfigError, match=r"scored in another way .*`finesight rollout score`"):
        write(tmp_path, range(4), other)


def test_a_line_that_is_no_group_is_named(tmp_path):
    write(tmp_path, range(2))
    with (tmp_path / "rollouts.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(InputError, match=r"rollouts\.jsonl: record 2: .*take the line out"):
        write(tmp_path, range(2))


def test_one_process_at_a_time_writes_a_shard(tmp_path):
    with RolloutLog(tmp_path, RECORD, WHOLE):
        with pytest.raises(InputError, match="is being written by another process"):
            RolloutLog(tmp_path, RECORD, WHOLE)
        with pytest.raises(InputError, match="is being written by another process"):
            list(score_again(tmp_path, lambda g: g, SCORING))
    write(tmp_path, range(1))


def test_shards_stand_side_by_side_and_are_read_together(tmp_path):
    record = RECORD.model_copy(update={"shards": 2})
    for index in (1, 2):
        write(tmp_path, range(index, 6, 2), record, Shard(index=index, count=2))
    assert sorted(g.index for g in read(tmp_path)) == [1, 2, 3, 4, 5]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"rollouts-{i:05}-of-00002.{end}" for i in (1, 2) for end in ("json", "jsonl")]
    with pytest.raises(ValueError, match="no shard 3 of 2"):
        Shard(index=3, count=2)


def test_what_is_skipped_is_written_down_and_forgotten_once_mended(tmp_path):
    with RolloutLog(tmp_path, RECORD, WHOLE) as log:
        log.skip("sample 3, a.png", "is no picture")
    assert (tmp_path / "skipped.txt").read_text() == "sample 3, a.png: is no picture\n"
    write(tmp_path, range(1))
    assert not (tmp_path / "skipped.txt").exists()


def halved(one: RolloutGroup) -> RolloutGroup:
    answers = tuple(a.model_copy(update={"reward": 0.5, "unscored": None}) for a in one.answers)
    return one.model_copy(update={"answers": answers})


def test_scoring_anew_changes_rewards_and_the_record_and_nothing_else(tmp_path):
    write(tmp_path, range(3))
    other = Scoring(settings={"hit": 0.7}, own={"qa": "m:f"})
    given = list(score_again(tmp_path, halved, other))
    assert given == read(tmp_path) == [halved(group(i)) for i in range(3)]
    record = json.loads((tmp_path / "rollouts.json").read_text())
    assert record == RECORD.model_copy(update={"scoring": other}).model_dump(mode="json")
    assert write(tmp_path, range(5), RECORD.model_copy(update={"scoring": other})) == {0, 1, 2}


def test_scoring_leaves_lines_alone_that_it_cannot_read_and_drops_one_that_was_cut_off(tmp_path):
    write(tmp_path, range(2))
    with (tmp_path / "rollouts.jsonl").open("a") as file:
        file.write('{"index": 7}\n' + group(3).model_dump_json()[:40])
    given = list(score_again(tmp_path / "rollouts.jsonl", halved, SCORING))
    assert [type(one) for one in given] == [RolloutGroup, RolloutGroup, Skipped]
    lines = (tmp_path / "rollouts.jsonl").read_text().split("\n")
    assert lines == [*(halved(group(i)).model_dump_json() for i in range(2)), '{"index": 7}', ""]


def test_scoring_that_is_cut_off_leaves_the_old_file_and_says_so_until_it_is_done_again(tmp_path):
    write(tmp_path, range(3))
    content = (tmp_path / "rollouts.jsonl").read_bytes()

    def fail(one: RolloutGroup) -> RolloutGroup:
        if one.index == 1:
            raise KeyboardInterrupt
        return halved(one)

    with pytest.raises(KeyboardInterrupt):
        list(score_again(tmp_path, fail, SCORING))
    assert (tmp_path / "rollouts.jsonl").read_bytes() == content
    with pytest.raises(ConfigError, match="scoring it was cut off; `finesight rollout score` does it again"):
        write(tmp_path, range(3))
    list(score_again(tmp_path, halved, SCORING))
    assert write(tmp_path, range(3)) == {0, 1, 2}


def test_rollouts_without_a_record_can_be_scored(tmp_path):
    (tmp_path / "rollouts.jsonl").write_text(group(0).model_dump_json() + "\n")
    assert list(score_again(tmp_path, halved, SCORING)) == [halved(group(0))]
    assert not (tmp_path / "rollouts.json").exists()
