from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from finesight.data.folder import read_folder
from finesight.data.readers.metadata import write_metadata
from finesight.errors import InputError
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.ui.cli import app

RUN = CliRunner()
PER_PHOTO = 3


def scene(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.normal(size=(n, n)), (96, 64), interpolation=cv2.INTER_CUBIC) for n in (4, 9, 20)
    ]
    grey = cv2.normalize(sum(layers), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten photographs with three pictures each; the pictures of photo 4 are those of photo 5 recompressed."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    box = Distortion(
        type=DistortionType.NOISE, severity=Severity.MINOR, box=Box.of(0, 0, 400, 400), significance=1
    )
    annotations = []
    for photo in range(10):
        for index in range(PER_PHOTO):
            name = f"{photo}-{index}.jpg"
            seed, quality = (50 + index, 40) if photo == 4 else (10 * photo + index, 90)
            path = str(folder / "images" / name)
            cv2.imwrite(path, scene(seed), [cv2.IMWRITE_JPEG_QUALITY, quality])
            annotations.append(
                Annotation(
                    image=name,
                    source=f"photo{photo}.jpg",
                    width=96,
                    height=64,
                    mos=3,
                    level=Level.FAIR,
                    distortions=(box,),
                    content="A picture.",
                )
            )
    write_metadata(folder / "metadata.json", annotations)
    return folder


def run(*arguments: str | Path) -> dict[str, int]:
    result = RUN.invoke(app, ["data", *map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    counts: dict[str, int] = json.loads(result.stdout)
    return counts


def test_split_keeps_photographs_together_and_links_the_images(data: Path, tmp_path: Path) -> None:
    counts = run("split", data, tmp_path / "s", "--test-share", "0.3", "--seed", "3")
    train, test = (list(read_folder(tmp_path / "s" / side)) for side in ("train", "test"))
    assert {a.source for a in train}.isdisjoint(a.source for a in test)
    assert counts["train"] + counts["test"] + counts["left out of test"] == 10 * PER_PHOTO
    for side, listed in (("train", train), ("test", test)):
        assert all((tmp_path / "s" / side / "images" / a.image).is_file() for a in listed)


def test_split_leaves_pictures_out_of_the_test_side_that_look_like_training_ones(
    data: Path, tmp_path: Path
) -> None:
    for seed in range(60):
        result = RUN.invoke(app, ["data", "split", str(data), str(tmp_path / f"{seed}"), "--seed", f"{seed}"])
        train, test = (list(read_folder(tmp_path / f"{seed}" / side)) for side in ("train", "test"))
        twins = [{"photo4.jpg", "photo5.jpg"} & {a.source for a in side} for side in (train, test)]
        assert not (twins[0] and twins[1])
        if len(train) + len(test) < 10 * PER_PHOTO:
            assert "is the same picture as" in result.stderr
            return
    pytest.fail("no seed put the twins on both sides")


def test_split_keeps_photographs_that_show_the_same_together(data: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for photo in range(10):
        cv2.imwrite(str(photos / f"photo{photo}.jpg"), scene(5 if photo == 4 else photo))
    for seed in range(12):
        counts = run("split", data, tmp_path / f"{seed}", "--seed", f"{seed}", "--photos", photos)
        assert counts["left out of test"] == 0
        train = {a.source for a in read_folder(tmp_path / f"{seed}" / "train")}
        assert ("photo4.jpg" in train) is ("photo5.jpg" in train)


def test_questions_writes_the_nine_files(data: Path, tmp_path: Path) -> None:
    counts = run("questions", data, tmp_path / "q", "--choices", "2")
    assert len(counts) == 9
    assert counts["assess"] == 30
    assert counts["mcq"] == 60
    assert len(list((tmp_path / "q").glob("*.json"))) == 10


def test_bench_writes_truth_questions_and_a_link_to_the_images(data: Path, tmp_path: Path) -> None:
    counts = run("bench", data, tmp_path / "b", "--seed", "1")
    assert counts["assess"] == counts["dist_detect"] == 30
    names = {path.name for path in (tmp_path / "b").iterdir()}
    assert names == {"bench_metadata.json", "mcq.json", "reg-p_bench.json", "questions.jsonl", "images"}


def test_a_bad_record_is_listed_and_the_rest_goes_on(data: Path, tmp_path: Path) -> None:
    records = json.loads((data / "metadata.json").read_text(encoding="utf-8"))
    records[3]["level"] = "splendid"
    (data / "metadata.json").write_text(json.dumps(records), encoding="utf-8")
    result = RUN.invoke(app, ["data", "bench", str(data), str(tmp_path / "b"), "--json"])
    assert json.loads(result.stdout)["assess"] == 29
    assert "record 3: level: 'splendid'" in result.stderr


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="no picture"):
        RUN.invoke(app, ["data", "bench", str(tmp_path), str(tmp_path / "b")], catch_exceptions=False)


def test_the_verbs_are_named_without_loading_anything_heavy() -> None:
    heavy = ("torch", "cv2", "matplotlib", "scipy", "numpy")
    program = (
        "import sys, finesight.ui.cli.data_sets as d; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_on_data_names_every_verb_option_photograph_and_subclass() -> None:
    import typer

    from finesight.data.photos import SHOTS, STILLS
    from finesight.schema.sample import Subclass

    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    verbs = typer.main.get_command(app).commands["data"].commands  # type: ignore[attr-defined]
    for verb in ("photos", "questions", "split", "bench"):
        assert f"finesight data {verb}" in page
        options = {name for option in verbs[verb].params for name in option.opts if name.startswith("--")}
        assert [name for name in options if name not in page] == []
    names = [Path(still.path).stem for still in STILLS] + [shot.title for shot in SHOTS]
    assert [name for name in [*names, *Subclass] if name not in page] == []
    assert f"{len(STILLS) + len(SHOTS)} scenes" in page
