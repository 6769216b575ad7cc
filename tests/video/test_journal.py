"""The journal: whole lines or none, one writer at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from finesight.errors import InputError
from finesight.schema.video import Shot
from finesight.video.journal import Journal


def shot(index: int) -> Shot:
    return Shot(index=index, start=index * 0.1, end=index * 0.1 + 0.1, first_frame=index, frames=1)


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    with Journal(tmp_path / "new" / "a.jsonl", Shot) as journal:
        journal.append([shot(0), shot(1)])
        journal.append([shot(2)])
    with Journal(tmp_path / "new" / "a.jsonl", Shot) as again:
        assert again.records == [shot(0), shot(1), shot(2)]


def test_cut_off_at_any_byte_it_has_the_records_that_were_whole_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Journal(path, Shot) as journal:
        journal.append(shot(i) for i in range(3))
    whole = path.read_bytes()
    for size in (*range(0, len(whole), 11), whole.index(b"\n"), whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:size])
        with Journal(path, Shot) as journal:
            count = whole[:size].count(b"\n")
            assert journal.records == [shot(i) for i in range(count)]
            journal.append(shot(i) for i in range(count, 3))
        assert path.read_bytes() == whole


def test_a_second_writer_is_refused_while_the_first_one_is_there(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "a.jsonl", Shot),
        pytest.raises(InputError, match=r"a\.jsonl: is being written by another process"),
    ):
        Journal(tmp_path / "a.jsonl", Shot)
    with Journal(tmp_path / "a.jsonl", Shot):
        pass


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(shot(0).model_dump_json() + "\n{}\n")
    with pytest.raises(InputError, match="line 2 is no record"):
        Journal(tmp_path / "a.jsonl", Shot)
