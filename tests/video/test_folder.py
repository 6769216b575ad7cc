"""The run folder: it belongs to one file, one set of settings and one model."""

from __future__ import annotations

from pathlib import Path

import pytest

from finesight.errors import ConfigError, InputError
from finesight.schema.video import Colour, Timeline, Video
from finesight.video.folder import RUN, TIMELINE, RunFolder, RunRecord, read_timeline
from finesight.video.settings import AnalysisSettings


def record(**changed: object) -> RunRecord:
    video = Video(
        path="a.mp4",
        bytes=1,
        container="mp4",
        codec="h264",
        width=2,
        height=2,
        pixel_format="yuv420p",
        bit_depth=8,
        duration=1,
        rate=25,
        colour=Colour(primaries="bt709", transfer="bt709", matrix="bt709", range="tv"),
    )
    return RunRecord(
        **({"video": video, "mark": "m", "settings": AnalysisSettings(), "model": "nano"} | changed)
    )


def test_a_folder_goes_on_with_the_same_and_with_newer_versions(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", record(versions={"av": "1"})):
        pass
    with RunFolder(tmp_path / "run", record(versions={"av": "2"})) as again:
        assert again.record.versions == {"av": "1"}
        assert again.totals is None
        assert again.timeline is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"mark": "other"}, 'file is "other", was "m"'),
        ({"model": "qwen"}, 'model is "qwen", was "nano"'),
        ({"weights": "x"}, "weights is"),
        ({"settings": AnalysisSettings(budget=9)}, "budget is 9, was 256"),
    ],
)
def test_another_file_model_or_setting_is_refused_by_name(
    tmp_path: Path, changed: dict[str, object], words: str
) -> None:
    with RunFolder(tmp_path / "run", record()):
        pass
    with pytest.raises(ConfigError, match=words) as caught:
        RunFolder(tmp_path / "run", record(**changed))
    assert "name another folder" in str(caught.value)


def test_a_kill_before_the_record_is_written_leaves_a_folder_that_can_be_begun(tmp_path: Path) -> None:
    for name in ("shots.jsonl", "frames.jsonl", ".0123.tmp"):
        (tmp_path / name).touch()
    with RunFolder(tmp_path, record()) as folder:
        assert folder.record == record()
    (tmp_path / "run.json").unlink()
    (tmp_path / "shots.jsonl").write_text("mine")
    with pytest.raises(ConfigError, match="is no run folder and not empty"):
        RunFolder(tmp_path, record())


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="is no run folder and not empty"):
        RunFolder(tmp_path, record())
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", record()), pytest.raises(InputError, match="another process"):
        RunFolder(tmp_path / "run", record())


def test_a_damaged_record_is_named_with_what_helps(tmp_path: Path) -> None:
    (tmp_path / RUN).write_text("{")
    with pytest.raises(InputError, match=r"run\.json: cannot be read.*analyse again"):
        RunFolder(tmp_path, record())


def test_a_timeline_is_read_back_whole_and_its_absence_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="finesight video analyse"):
        read_timeline(tmp_path)
    with RunFolder(tmp_path / "run", record()) as folder:
        timeline = Timeline(video=folder.record.video, shots=(), score=3.25, notes=("x",))
        folder.finish(timeline)
    assert read_timeline(tmp_path / "run") == timeline
    assert (tmp_path / "run" / TIMELINE).is_file()


def test_pictures_that_are_not_wanted_go(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", record()) as folder:
        folder.picture(3).parent.mkdir()
        for name in (folder.picture(3), folder.picture(4), folder.picture(3).with_name(".half.tmp")):
            name.touch()
        folder.keep_only([3])
        assert list(folder.picture(3).parent.iterdir()) == [folder.picture(3)]
