"""A data folder merged: in bounded memory, whole or not at all, and past what cannot be read."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.folder import IMAGES, SAMPLES
from finesight.data.merge.folder import Counting, MergeReport, folder_workloads, merge_folder
from finesight.data.merge.merging import Caps
from finesight.data.readers import read_samples, write_samples
from finesight.data.readers.samples import COMBINED
from finesight.errors import InputError
from finesight.schema.sample import Sample, Subclass

KILLED = """
import os, signal, sys
from pathlib import Path
from finesight.data.merge.folder import merge_folder

def watch(items, title):
    for done, item in enumerate(items):
        if title == sys.argv[3] and done == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)
        yield item

merge_folder(Path(sys.argv[1]), Path(sys.argv[2]), "merge", watch=watch)
"""


def some(pictures: int, questions: int, text: str = "No.") -> Iterator[Sample]:
    """Questions of every picture, round by round, so that those of a picture lie far apart."""
    for number in range(questions):
        for picture in range(pictures):
            yield Sample(
                id=f"{picture}-{number}",
                image=f"{picture:05}.png",
                subclass=Subclass.QA if number % 2 else Subclass.MCQ,
                question=f"Question {number}?",
                answer=text,
            )


def folder(path: Path, *arguments: int) -> Path:
    write_samples(path / SAMPLES, some(*arguments))
    return path


def combined(path: Path) -> Path:
    return path / SAMPLES / COMBINED


def read(path: Path) -> list[Sample]:
    return list(read_samples(combined(path)))


@given(
    st.lists(
        st.builds(
            Sample,
            id=st.text(max_size=3),
            image=st.sampled_from(["a", "猫/b.png"]),
            subclass=st.sampled_from([Subclass.QA, Subclass.MCQ]),
            question=st.text() | st.sampled_from(["<image>\n1. a", "\n", "1. ", "\x00\u2028\r\n"]),
            answer=st.text() | st.sampled_from(["2. b\n   c", " ", ""]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_folder_comes_back_byte_for_byte(tmp_path_factory, samples):
    tmp = tmp_path_factory.mktemp("folder")
    write_samples(tmp / "in" / SAMPLES, samples)
    merge_folder(tmp / "in", tmp / "merged", "merge", caps=Caps(questions=3))
    merge_folder(tmp / "merged", tmp / "back", "separate")
    assert combined(tmp / "back").read_bytes() == combined(tmp / "in").read_bytes()
    assert read(tmp / "back") == samples


def test_merging_twice_writes_the_same_bytes(tmp_path):
    source = folder(tmp_path / "in", 7, 9)
    reports = [merge_folder(source, tmp_path / name, "merge") for name in "ab"]
    assert reports[0] == reports[1]
    files = [sorted((tmp_path / name / SAMPLES).iterdir()) for name in "ab"]
    assert [f.name for f in files[0]] == [COMBINED, "mcq.json", "qa.json"]
    assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]


def test_memory_does_not_grow_with_what_the_samples_say(tmp_path):
    """Per sample a few words of memory, where its texts take a kilobyte; the first run pays for imports."""
    sizes = {"warm": 50, "short": 100, "long": 500}
    for name, pictures in sizes.items():
        write_samples(tmp_path / name / SAMPLES, some(pictures, 12, text="word " * 200))
    peaks = {name: _peak(tmp_path / name, tmp_path / f"{name}-out") for name in sizes}
    more = 12 * (sizes["long"] - sizes["short"])
    assert peaks["long"] - peaks["short"] < 100 * more


def _peak(source: Path, out: Path) -> int:
    tracemalloc.start()
    merge_folder(source, out, "merge")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize(("title", "at"), [("reading", 30), ("writing", 5)])
def test_killed_midway_it_leaves_nothing_that_looks_whole_and_starts_again(tmp_path, title, at):
    source, out = folder(tmp_path / "in", 10, 6), tmp_path / "out"
    arguments = [sys.executable, "-c", KILLED, str(source), str(out), title, str(at)]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    assert not list(out.rglob("*.json"))
    assert merge_folder(source, out, "merge").samples == 20
    merge_folder(out, tmp_path / "back", "separate")
    assert read(tmp_path / "back") == read(source)


def test_killed_over_an_older_result_it_leaves_that_one(tmp_path):
    source, out = folder(tmp_path / "in", 10, 6), tmp_path / "out"
    merge_folder(source, out, "merge", caps=Caps(questions=2))
    before = combined(out).read_bytes()
    arguments = [sys.executable, "-c", KILLED, str(source), str(out), "writing", "5"]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    assert combined(out).read_bytes() == before


def broken(path: Path) -> MergeReport:
    """A folder of JSON lines with four good records and one of each kind that is not."""
    lines = [json.dumps(_record(n)) for n in range(4)]
    lines[1:1] = [
        "{not JSON",
        json.dumps(_record(9) | {"image": None}),
        json.dumps(_record(9) | {"conversations": []}),
        json.dumps(_record(9) | {"subclass": "riddle"}),
        '"text"',
        json.dumps(_record(9, answer="\ud800")),
        json.dumps(_record(9) | {"id": "\udfff"}),
        json.dumps(_record(9) | {"candidates": ["\ud800"]}),
    ]
    combined(path).parent.mkdir(parents=True)
    combined(path).write_text("\n".join(lines), encoding="utf-8")
    return merge_folder(path, path.parent / "out", "merge")


def _record(number: int, answer: str = "No.") -> dict:
    turns = [{"from": "human", "value": f"<image>\nQuestion {number}?"}, {"from": "gpt", "value": answer}]
    return {"id": f"n{number}", "image": "a.png", "subclass": "qa", "conversations": turns}


def test_records_that_cannot_be_read_are_named_and_the_rest_is_merged(tmp_path):
    report = broken(tmp_path / "in")
    assert [s.index for s in report.skipped] == [1, 2, 3, 4, 5, 6, 7, 8]
    reasons = ["not JSON", "image", "conversations", "'riddle'", "an object is expected"]
    reasons += ["value: half of a surrogate", "id: half of a surrogate", "candidates: half of a surrogate"]
    assert all(word in s.reason for word, s in zip(reasons, report.skipped, strict=True))
    (merged,) = read(tmp_path / "out")
    assert [part.id for part in merged.parts] == ["n0", "n1", "n2", "n3"]
    # Places are those among the good records, so that putting back has no holes.
    assert [part.index for part in merged.parts] == [0, 1, 2, 3]


def test_a_list_that_breaks_off_gives_what_stands_before_the_break(tmp_path):
    source = folder(tmp_path / "in", 2, 6)
    whole = combined(source).read_text(encoding="utf-8")
    combined(source).write_text(whole[: whole.index("Question 3?")], encoding="utf-8")
    report = merge_folder(source, tmp_path / "out", "merge")
    assert sum(len(sample.parts) for sample in read(tmp_path / "out")) == 6
    assert [(s.index, "the file ends inside the list" in s.reason) for s in report.skipped] == [(6, True)]


def test_a_picture_that_is_missing_or_damaged_is_named_and_taken_for_a_usual_one(tmp_path):
    source = folder(tmp_path / "in", 3, 2)
    (source / IMAGES).mkdir()
    cv2.imwrite(str(source / IMAGES / "00000.png"), np.zeros((56, 84, 3), np.uint8))
    (source / IMAGES / "00001.png").write_bytes(b"no picture")
    report = merge_folder(
        source, tmp_path / "out", "merge", Counting(picture=lambda w, h: w * h // 784, unknown_picture=100)
    )
    assert (report.pictures, report.measured, report.samples) == (3, 1, 6)
    assert [next(n for n in ("00001", "00002") if n in why) for why in report.unmeasured] == [
        "00001",
        "00002",
    ]
    assert report.workloads["tree"].patches == 4 * (6 + 100 + 100)


def test_without_any_usable_sample_nothing_is_written(tmp_path):
    combined(tmp_path / "in").parent.mkdir(parents=True)
    combined(tmp_path / "in").write_text('[{"image": "a.png"}]', encoding="utf-8")
    with pytest.raises(InputError, match="no usable sample among 1 records"):
        merge_folder(tmp_path / "in", tmp_path / "out", "merge")
    assert not list((tmp_path / "out").rglob("*.json"))


@pytest.mark.parametrize("layout", ["merge", "tree"])
def test_what_is_merged_already_is_refused_with_its_file(tmp_path, layout):
    merge_folder(folder(tmp_path / "in", 2, 4), tmp_path / "merged", "merge")
    with pytest.raises(InputError, match=r"merged/samples/combined\.json: sample '0-0\+1' is merged already"):
        merge_folder(tmp_path / "merged", tmp_path / "out", layout)
    assert not list((tmp_path / "out").rglob("*.json"))


def test_a_folder_is_never_merged_into_itself(tmp_path):
    source = folder(tmp_path / "in", 1, 2)
    with pytest.raises(InputError, match="is the folder to read from"):
        merge_folder(source, tmp_path / "in" / ".." / "in", "merge")


def test_counting_alone_finds_the_same_work_and_writes_nothing(tmp_path):
    source = folder(tmp_path / "in", 3, 5)
    before = sorted(tmp_path.rglob("*"))
    works = folder_workloads(source)
    assert sorted(tmp_path.rglob("*")) == before
    assert works == merge_folder(source, tmp_path / "out", "merge").workloads
