"""The folder a synthesis writes: whole, repeatable, resumable, whatever happens to the photographs."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from finesight.data.readers.metadata import read_metadata
from finesight.data.synthesise import SynthesisConfig, synthesise
from finesight.errors import ConfigError, InputError
from finesight.schema.taxonomy import Level

Photographs = Callable[[int], list[Path]]


def config(count: int = 6, **changes: object) -> SynthesisConfig:
    return SynthesisConfig(count=count, seed=3, size=120, **changes)  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, str]:
    """Digest of every file that is part of the result."""
    files = [*folder.glob("images/*"), folder / "metadata.json", folder / "contact_sheet.jpg"]
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_folder_holds_images_metadata_contact_sheet_and_report(
    photographs: Photographs, tmp_path: Path
) -> None:
    report = synthesise(photographs(2), tmp_path / "out", config())
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == [
        "contact_sheet.jpg", "images", "journal.jsonl", "metadata.json", "synthesis.json",
    ]  # fmt: skip
    annotations = list(read_metadata(out / "metadata.json"))
    assert [a.image for a in annotations] == [f"{i:06d}.jpg" for i in range(6)]
    for annotation in annotations:
        height, width, _ = cv2.imread(str(out / "images" / annotation.image)).shape
        assert (annotation.width, annotation.height) == (width, height)
        assert annotation.source in {"photo0.png", "photo1.png"}
        assert annotation.content
    saved = json.loads((out / "synthesis.json").read_text())
    assert saved == json.loads(report.model_dump_json())
    assert saved["config"]["seed"] == 3
    assert saved["statistics"]["images"] == 6


def test_clean_images_are_there_too_without_distortions(photographs: Photographs, tmp_path: Path) -> None:
    synthesise(photographs(1), tmp_path / "out", config(2, clean_share=1.0))
    annotations = list(read_metadata(tmp_path / "out" / "metadata.json"))
    assert [(a.distortions, a.level) for a in annotations] == [((), Level.EXCELLENT)] * 2


@pytest.mark.parametrize("variety", ["plain", "wide"])
def test_a_share_of_the_pictures_is_in_low_key(
    photographs: Photographs, tmp_path: Path, variety: str
) -> None:
    photos, count = photographs(2), 24
    shares = {"none": 0.0, "some": 0.5, "all": 1.0}
    for name, share in shares.items():
        synthesise(photos, tmp_path / name, config(count, variety=variety, clean_share=1.0, low_key=share))
    black = {
        name: [
            (cv2.imread(str(tmp_path / name / "images" / f"{i:06d}.jpg")) < 24).mean() for i in range(count)
        ]
        for name in shares
    }
    dark = {name: sum(part > 0.3 for part in parts) for name, parts in black.items()}
    assert (dark["none"], dark["all"]) == (0, count)
    assert 6 <= dark["some"] <= 18


def test_two_workers_write_the_same_bytes_as_one(photographs: Photographs, tmp_path: Path) -> None:
    photos = photographs(3)
    synthesise(photos, tmp_path / "one", config(9))
    synthesise(list(reversed(photos)), tmp_path / "two", config(9, workers=2))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_another_seed_gives_other_images(photographs: Photographs, tmp_path: Path) -> None:
    photos = photographs(1)
    synthesise(photos, tmp_path / "one", config(2))
    synthesise(photos, tmp_path / "two", config(2).model_copy(update={"seed": 4}))
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert all(one[name] != two[name] for name in one)


def test_a_killed_run_goes_on_without_redoing_what_is_finished(
    photographs: Photographs, tmp_path: Path
) -> None:
    photos = photographs(2)
    synthesise(photos, tmp_path / "whole", config(8))

    def kill(done: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesise(photos, tmp_path / "killed", config(8), kill)
    assert not (tmp_path / "killed" / "metadata.json").exists(), "with the metadata the set would be whole"
    finished = sorted((tmp_path / "killed" / "images").iterdir())
    assert 0 < len(finished) < 8
    for path in finished:
        os.utime(path, (1, 1))
    reported: list[int] = []
    synthesise(photos, tmp_path / "killed", config(8), reported.append)
    assert [p.stat().st_mtime for p in finished] == [1] * len(finished)
    assert sum(reported) == 8
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_more_images_extend_a_set_and_keep_the_first_ones(photographs: Photographs, tmp_path: Path) -> None:
    photos = photographs(2)
    synthesise(photos, tmp_path / "out", config(3))
    first = contents(tmp_path / "out")
    synthesise(photos, tmp_path / "out", config(5))
    extended = contents(tmp_path / "out")
    assert len(extended) == len(first) + 2
    assert all(extended[name] == first[name] for name in first if name.startswith("0"))


def test_another_recipe_or_other_photographs_in_the_same_folder_are_refused(
    photographs: Photographs, tmp_path: Path
) -> None:
    photos = photographs(2)
    synthesise(photos, tmp_path / "out", config(2))
    with pytest.raises(ConfigError, match="another recipe"):
        synthesise(photos, tmp_path / "out", config(2, balance="uniform"))
    with pytest.raises(ConfigError, match="another recipe"):
        synthesise(photos[:1], tmp_path / "out", config(2))


@pytest.mark.parametrize("workers", [1, 2])
def test_unusable_photographs_are_listed_with_the_reason_and_replaced(
    photographs: Photographs, tmp_path: Path, workers: int
) -> None:
    photos = photographs(2)
    broken, small = tmp_path / "photos" / "broken.jpg", tmp_path / "photos" / "small.png"
    broken.write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    cv2.imwrite(str(small), np.zeros((20, 20, 3), np.uint8))
    missing = tmp_path / "photos" / "missing.jpg"
    unusable = [broken, small, missing]
    report = synthesise([*unusable, *photos], tmp_path / "out", config(10, workers=workers))
    assert set(report.skipped) == {"broken.jpg", "small.png", "missing.jpg"}
    assert "too small" in report.skipped["small.png"]
    assert len(list((tmp_path / "out" / "images").iterdir())) == 10
    again = synthesise([*unusable, *photos], tmp_path / "out", config(10))
    assert again.skipped == report.skipped


def test_no_usable_photograph_at_all_is_an_error_that_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"none of the 1 photographs can be used \(.*broken\.jpg"):
        synthesise([broken], tmp_path / "out", config())
    with pytest.raises(InputError, match="no photographs given"):
        synthesise([], tmp_path / "none", config())


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(
    photographs: Photographs, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/out: cannot be written .*choose another folder"):
        synthesise(photographs(1), tmp_path / "file" / "out", config())


def test_an_unknown_setting_or_no_images_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="colour"):
        SynthesisConfig(colour=3)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="greater than 0"):
        SynthesisConfig(count=0)


def test_the_file_format_adds_no_blocks_of_its_own(photographs: Photographs, tmp_path: Path) -> None:
    synthesise(photographs(2), tmp_path / "out", config(4, clean_share=1.0))
    for path in (tmp_path / "out" / "images").iterdir():
        steps = np.abs(np.diff(cv2.imread(str(path)).astype(float).mean(2), axis=1))
        border = np.arange(steps.shape[1]) % 8 == 7
        assert steps[:, border].mean() / steps[:, ~border].mean() < 1.25


def test_the_pictures_of_a_series_are_of_one_photograph_and_the_same_however_they_come_about(
    photographs: Photographs, tmp_path: Path
) -> None:
    photos, out = photographs(3), tmp_path / "out"
    synthesise(photos, out, config(16, series=True))
    annotations = list(read_metadata(out / "metadata.json"))
    assert [a.series for a in annotations] == [f"3.{i // 4:06d}" for i in range(16)]
    of_series = [{a.source for a in annotations[i : i + 4]} for i in range(0, 16, 4)]
    assert [len(sources) for sources in of_series] == [1] * 4
    assert len(set.union(*of_series)) == 3
    before = contents(out)
    (out / "images" / "000006.jpg").unlink()
    synthesise(photos, out, config(16, series=True))
    assert contents(out) == before
    synthesise(photos, tmp_path / "two", config(16, series=True, workers=2))
    assert contents(tmp_path / "two") == before
