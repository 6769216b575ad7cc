"""`finesight diagnose` with a scripted model: what it prints, writes, and does about broken files."""

from __future__ import annotations

import io
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from finesight.errors import ScriptError
from finesight.schema.box import Box
from finesight.schema.diagnosis import Diagnosis, Finding
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.text.render import render_assess
from finesight.ui.cli import app

FINDINGS = (
    Finding(type=DistortionType.NOISE, severity=Severity.SEVERE, box=Box.of(0, 0, 1000, 1000), key=True),
    Finding(type=DistortionType.OVEREXPOSURE, severity=Severity.MINOR, box=Box.of(100, 200, 300, 400)),
)
ANSWER = render_assess(Diagnosis(content="A red wall.", findings=FINDINGS, level=Level.POOR))


@pytest.fixture
def script(tmp_path: Path) -> str:
    """A model that always says the same."""
    path = tmp_path / "script.jsonl"
    path.write_text("\n".join([json.dumps(ANSWER)] * 300))
    return f"scripted:{path}"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def red(path: Path, width: int = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, 40), "red").save(path)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["diagnose", *map(str, arguments)])


def test_json_is_one_whole_record_a_line_in_input_order(photos: Path, script: str) -> None:
    paths = [red(photos / name, width) for name, width in (("b.png", 50), ("a.png", 70))]
    result = run(*paths, "--model", script, "--json")
    assert result.exit_code == 0
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(record["image"], record["width"]) for record in records] == [
        (str(paths[0]), 50),
        (str(paths[1]), 70),
    ]
    first = records[0]
    assert list(first) == [
        *("image", "width", "height", "description", "level", "score", "distortions"),
        *("suspected", "model", "raw"),
    ]
    assert (first["description"], first["level"]) == ("A red wall.", "poor")
    assert (first["model"], first["raw"]) == (script, ANSWER)
    overexposed, noisy = first["distortions"]
    assert noisy == {
        "type": "Noise",
        "severity": "severe",
        "box": [0, 0, 1000, 1000],
        "key": True,
        "confidence": None,
    }
    assert (overexposed["type"], overexposed["box"], overexposed["key"]) == (
        "Overexposure",
        [100, 200, 300, 400],
        False,
    )


@pytest.mark.parametrize(
    ("lang", "words"), [("en", ("poor", "Noise", "KEY")), ("zh", ("较差", "噪点", "关键"))]
)
def test_without_json_a_block_a_picture_is_shown(
    photos: Path, script: str, lang: str, words: tuple[str, ...]
) -> None:
    result = run(red(photos / "a.png"), "--model", script, "--lang", lang)
    assert result.exit_code == 0
    for word in ("a.png", "A red wall.", *words):
        assert word in result.stdout
    assert result.stderr == ""


def test_drawings_are_written_under_names_of_their_own(photos: Path, script: str, tmp_path: Path) -> None:
    red(photos / "x.png")
    red(photos / "deep" / "X.bmp")
    out = tmp_path / "drawn"
    result = run(photos, "--model", script, "--json", "--draw", out)
    assert result.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["X.png", "x-2.png"]
    assert np.asarray(Image.open(out / "X.png")).shape[0] > 400


def test_drawing_into_the_folder_of_the_photos_spares_the_photos(photos: Path, script: str) -> None:
    before = red(photos / "x.png").read_bytes()
    assert run(photos, "--model", script, "--draw", photos).exit_code == 0
    assert (photos / "x.png").read_bytes() == before
    assert (photos / "x-2.png").is_file()


def test_the_report_shows_pictures_and_failures(photos: Path, script: str, tmp_path: Path) -> None:
    red(photos / "good.png")
    (photos / "bad.png").write_bytes(b"")
    report = tmp_path / "out" / "r.html"
    result = run(photos, "--model", script, "--report", report)
    assert result.exit_code == 1
    html = report.read_text("utf-8")
    assert "good.png" in html
    assert "empty file" in html
    assert str(report) in result.stderr


def test_an_answer_that_cannot_be_read_is_a_failure_with_its_reason(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text('"Nice picture!"')
    result = run(red(photos / "a.png"), "--model", f"scripted:{tmp_path}/s.jsonl", "--json")
    assert result.exit_code == 1
    record = json.loads(result.stdout)
    assert record["raw"] == "Nice picture!"
    assert "cannot be read" in record["error"]


def test_arguments_that_stand_for_nothing_fail_without_a_model(tmp_path: Path) -> None:
    result = run(tmp_path / "none.png", f"{tmp_path}/*.jpg", "--model", "scripted:/nowhere", "--json")
    assert result.exit_code == 1
    errors = [json.loads(line)["error"] for line in result.stdout.splitlines()]
    assert errors == ["no such file; check the name", "no file matches; check the pattern"]
    assert "2 of 2 failed" in result.stderr


def test_wrong_usage_is_exit_code_two(photos: Path) -> None:
    picture = red(photos / "a.png")
    for arguments in (
        (),
        (picture, "--lang", "fr"),
        (picture, "--batch", "0"),
        (picture, "--report", "a.png"),
    ):
        assert run(*arguments).exit_code == 2


def test_a_model_that_fails_is_not_taken_for_a_bad_file(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    result = run(red(photos / "a.png"), "--model", f"scripted:{tmp_path}/empty.jsonl")
    assert isinstance(result.exception, ScriptError)


def _real_files() -> list[bytes]:
    """The same noise picture in every format that can be written, animations and odd modes included."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    kinds: list[tuple[Image.Image, str, dict[str, object]]] = [
        (image, kind, {}) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
    ]
    kinds.append((image, "JPEG", {"progressive": True}))
    kinds.append((image.convert("CMYK"), "JPEG", {}))
    kinds.append((image.convert("P"), "PNG", {}))
    kinds.append((image, "TIFF", {"compression": "tiff_lzw"}))
    kinds.append((image, "PNG", {"save_all": True, "append_images": [image.rotate(180)]}))
    files = []
    for picture, kind, options in kinds:
        file = io.BytesIO()
        picture.save(file, kind, **options)
        files.append(file.getvalue())
    return files


def _broken(data: bytes, dice: random.Random) -> bytes:
    """The file after something went wrong with it: cut off, written over at its start, or bits flipped."""
    way = dice.randrange(3)
    if way == 0:
        return data[: dice.randrange(len(data) // 2)]
    if way == 1:
        return dice.randbytes(8) + data[8:]
    flipped = bytearray(data)
    for _ in range(len(data) // 4):
        flipped[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    flipped[1] ^= 0x10  # formats without compression take flipped samples for other colours
    return bytes(flipped)


def test_two_hundred_broken_files_are_all_named_and_stop_nothing(photos: Path, script: str) -> None:
    dice = random.Random(5)
    kinds = _real_files()
    good = [red(photos / f"good{index:03d}.png") for index in range(0, 240, 24)]
    broken = []
    for index in range(200):
        path = photos / f"broken{index:03d}.jpg"
        path.write_bytes(_broken(kinds[index % len(kinds)], dice))
        broken.append(path)
    result = run(photos, "--model", script, "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    records = {record["image"]: record for record in map(json.loads, result.stdout.splitlines())}
    assert set(records) == {str(path) for path in good + broken}
    assert all("error" not in records[str(path)] for path in good)
    for path in broken:
        assert len(records[str(path)]["error"]) > 10
        assert f"{path}: {records[str(path)]['error']}" in result.stderr
    assert "200 of 210 failed" in result.stderr


def test_names_of_any_bytes_are_diagnosed(photos: Path, script: str) -> None:
    odd = Path(os.fsdecode(os.fsencode(photos) + b"/caf\xe9\x1b[31m <b>.png"))
    try:
        red(odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert json.loads(run(photos, "--model", script, "--json").stdout)["level"] == "poor"
    shown = run(photos, "--model", script)
    assert shown.exit_code == 0
    assert "\x1b" not in shown.stdout
