"""Streams of JSON records: the good ones come, the bad ones are named, the rest goes on."""

import json
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finesight.data.readers import stream
from finesight.data.readers.reading import Reading, Skipped
from finesight.data.readers.stream import stream_records
from finesight.errors import InputError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read(path: Path) -> tuple[list[object], list[Skipped]]:
    reading = Reading(stream_records(path))
    values = [value for _, value in reading]
    return values, reading.skipped


@pytest.fixture
def write(tmp_path: Path):
    def write(content: str | bytes, name: str = "records.json") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@given(
    values=st.lists(json_values, max_size=6), indent=st.sampled_from([None, 0, 2]), chunk=st.integers(1, 9)
)
def test_a_list_gives_its_records_whatever_the_size_of_the_chunks(values, indent, chunk, tmp_path_factory):
    path = tmp_path_factory.mktemp("list") / "records.json"
    path.write_text(json.dumps(values, indent=indent, ensure_ascii=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CHUNK", chunk)
        assert read(path) == (values, [])


@pytest.mark.parametrize("name", ["records.jsonl", "records.json"])
def test_json_lines_are_told_by_content_and_one_bad_line_costs_one_record(write, name):
    path = write('{"a": 1}\n\n{"a": \r\n{"a": 3}\n', name)
    values, skipped = read(path)
    assert values == [{"a": 1}, {"a": 3}]
    assert [s.index for s in skipped] == [1]
    assert "not JSON" in skipped[0].reason


def test_a_jsonl_file_whose_first_line_is_bad_still_gives_the_others(write):
    values, skipped = read(write('oops\n{"a": 2}\n', "records.jsonl"))
    assert values == [{"a": 2}]
    assert [s.index for s in skipped] == [0]


def test_a_list_in_a_jsonl_file_is_a_list(write):
    assert read(write('[{"a": 1},\n{"a": 2}]', "records.jsonl")) == ([{"a": 1}, {"a": 2}], [])


def test_a_byte_order_mark_is_no_obstacle(write):
    assert read(write(b'\xef\xbb\xbf[{"a": 1}]')) == ([{"a": 1}], [])


@pytest.mark.parametrize("name", ["records.json", "records.jsonl"])
def test_a_record_that_is_not_utf8_is_skipped_and_the_rest_goes_on(write, name):
    lines = [b'{"a": 1}', b'{"a": "\xff"}', b'{"a": 3}']
    content = b"\n".join(lines) if name.endswith("l") else b"[" + b",".join(lines) + b"]"
    values, skipped = read(write(content, name))
    assert values == [{"a": 1}, {"a": 3}]
    assert [(s.index, "not UTF-8" in s.reason) for s in skipped] == [(1, True)]


def test_not_a_number_reaches_the_record_and_not_the_file(write):
    values, skipped = read(write('[{"a": NaN}, {"a": 2}]'))
    assert values[1] == {"a": 2}
    assert not skipped


@pytest.mark.parametrize("rest", ["", ",", ', {"b"', ', {"b": "x', ', {"b": 1', ', {"b": [1,'])
def test_a_truncated_list_gives_what_came_before_the_break_and_reports_it(write, rest):
    cut = '[{"a": 1}, {"a": 2}' + rest
    values, skipped = read(write(cut))
    assert values == [{"a": 1}, {"a": 2}]
    assert [s.index for s in skipped] == [2]
    assert f"ends inside the list, at character {len(cut)}" in skipped[0].reason


def test_a_list_broken_in_its_middle_says_where(write):
    values, skipped = read(write('[{"a": 1}, {"a": oops}, {"a": 3}]'))
    assert values == [{"a": 1}]
    assert "not JSON at character 17" in skipped[0].reason
    assert "all behind it are lost" in skipped[0].reason


def test_a_missing_comma_is_a_break(write):
    values, skipped = read(write('[{"a": 1} {"a": 2}]'))
    assert values == [{"a": 1}]
    assert "',' or ']' is missing" in skipped[0].reason


def test_text_behind_the_list_is_reported(write):
    values, skipped = read(write('[{"a": 1}] [{"a": 2}]'))
    assert values == [{"a": 1}]
    assert "at character 11" in skipped[0].reason


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "begins with ''"),
        (b"hello", "begins with 'h'"),
        (b'{"a":\n1}', "begins with '{'"),
        (b"[oops]", "character 1"),
        ('[{"a": 1}]'.encode("utf-16"), "not JSON records"),
    ],
)
def test_a_file_that_is_not_json_records_is_an_error_with_name_place_and_remedy(write, content, said):
    path = write(content)
    with pytest.raises(InputError, match=re.escape(said)) as error:
        read(path)
    assert str(path) in str(error.value)
    assert "UTF-8 JSON" in str(error.value)


def test_a_missing_file_and_a_folder_are_errors_that_name_them(tmp_path):
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(InputError, match="cannot be read") as error:
            read(path)
        assert str(path) in str(error.value)


def test_nesting_too_deep_to_decode_is_a_break_and_no_crash(write):
    values, skipped = read(write("[1, " + "[" * 100_000 + "]" * 100_000 + ", 2]"))
    assert values == [1]
    assert len(skipped) == 1


def test_a_large_file_is_never_in_memory_as_a_whole(write):
    record = json.dumps({"image": "a.png", "text": "x" * 2_000})
    path = write("[" + ",".join([record] * 10_000) + "]")
    tracemalloc.start()
    count = sum(1 for _ in stream_records(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 10_000
    assert peak < path.stat().st_size / 5
