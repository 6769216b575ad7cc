"""`finesight data mine` on answers of a scripted policy that are scored as those of a model are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random

import pytest
from PIL import Image
from typer.testing import CliRunner

from finesight.data.questions import questions_of
from finesight.data.readers import read_samples
from finesight.errors import ConfigError
from finesight.schema.annotation import Annotation, Distortion
from finesight.schema.box import Box
from finesight.schema.rollout import RolloutGroup, SampledAnswer, Sampling
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType, Level, Severity
from finesight.scoring.rewards import reward_of, score_group
from finesight.ui.cli import app


def annotation(rng: Random, number: int) -> Annotation:
    distortions = tuple(
        Distortion(type=kind, severity=Severity.MODERATE, box=Box.of(x, 0, x + 200, 900), significance=x)
        for kind in rng.sample(list(DistortionType), 3)
        for x in [rng.randrange(0, 800)]
    )
    return Annotation(
        image=f"{number}.png",
        width=280,
        height=196,
        mos=3,
        level=rng.choice(list(Level)),
        distortions=distortions,
        content="A bright picture.",
    )


def said(sample: Sample, others: list[Sample], rng: Random) -> str:
    """Of every picture some questions are known, some unknown, and most are guessed now and then."""
    skill = sum(map(ord, sample.id + sample.question)) % 5 / 4
    return sample.answer if rng.random() < skill else rng.choice(others).answer


def rolled_out(scored: bool = True) -> list[RolloutGroup]:
    rng = Random(0)
    samples = [s for n in range(8) for s in questions_of(annotation(rng, n), 0)]
    groups = []
    for index, sample in enumerate(samples):
        others = [other for other in samples if other.subclass is sample.subclass]
        answers = tuple(SampledAnswer(text=said(sample, others, rng)) for _ in range(8))
        group = RolloutGroup(
            index=index, sample=sample, model="scripted", seed=0, sampling=Sampling(), answers=answers
        )
        groups.append(score_group(group) if scored else group)
    return groups


def write(path: Path, groups: list[RolloutGroup]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(one.model_dump_json() + "\n" for one in groups), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("scripted") / "rollouts.jsonl", rolled_out())


def mine(*arguments: object):
    return CliRunner().invoke(app, ["data", "mine", *map(str, arguments)])


def report(*arguments: object) -> dict:
    ran = mine(*arguments, "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def mined(rollouts) -> Path:
    """Of the rollouts with the settings as they are; to be read only."""
    report(rollouts, rollouts.parent / "mined")
    return rollouts.parent / "mined"


def test_the_numbers_of_the_report_are_those_of_the_rollouts_and_of_the_folder(rollouts, mined):
    found = report(rollouts, mined)
    groups = [RolloutGroup.model_validate_json(line) for line in rollouts.read_text().splitlines()]
    kept = list(read_samples(mined / "samples" / "combined.json"))
    assert found["groups"] == len(groups) == found["kept"] + sum(found["dropped"].values())
    assert found["kept"] == len(kept)
    assert found["questions"] == sum(len(sample.parts) for sample in kept) > found["kept"]
    assert found["dropped"]["unscored"] == sum(g.sample.subclass is Subclass.QA for g in groups)
    all_right = sum(g.sample.subclass is Subclass.MCQ and set(g.rewards) == {1.0} for g in groups)
    assert found["subclasses"]["mcq"]["dropped"]["too easy"] == all_right > 0
    assert json.loads((mined / "mining.json").read_text())["report"] == found


def test_merged_choices_earn_the_share_answered_right(mined):
    merged = [s for s in read_samples(mined / "samples" / "mcq.json") if len(s.parts) > 1]
    assert merged
    for sample in merged:
        lines = sample.answer.splitlines()
        assert reward_of(sample, sample.answer).value == 1
        wrong = "1. C." if lines[0] != "1. C." else "1. B."
        share = reward_of(sample, "\n".join([wrong, *lines[1:]])).value
        assert share == pytest.approx(1 - 1 / len(lines))


def test_the_table_adds_up(rollouts, mined):
    found = report(rollouts, mined)
    ran = mine(rollouts, mined)
    assert ran.exit_code == 0, ran.output
    assert f"{found['kept']} prompts kept that ask {found['questions']} questions" in ran.stdout
    rows = [line.split() for line in ran.stdout.splitlines()]
    names = {"all", *found["subclasses"]}
    numbers = {row[0]: [int(cell) for cell in row[1:]] for row in rows if row and row[0] in names}
    assert numbers["all"] == [found["groups"], found["kept"], *found["dropped"].values()]
    for name, one in found["subclasses"].items():
        assert numbers[name][0] == one["groups"] == sum(numbers[name][1:])
    assert "nothing done" in ran.stderr


def test_the_picture_is_one_with_a_band_and_bars(mined):
    with Image.open(mined / "mining.png") as image:
        assert image.height > image.width > 900
        colours = image.convert("RGB").getcolors(10**6)
    counts = {colour: count for count, colour in colours}
    for name, colour in {
        "kept": (0x2F, 0x74, 0xC8),
        "easy": (0xFE, 0xAC, 0),
        "all": (0xCF, 0xCF, 0xD4),
    }.items():
        assert counts.get(colour, 0) > 500, name


def test_a_picture_that_is_gone_is_drawn_again_and_nothing_else_is_done(rollouts, mined, tmp_path):
    out = Path(shutil.copytree(mined, tmp_path / "out"))
    before = (out / "mining.json").stat().st_ino
    (out / "mining.png").unlink()
    report(rollouts, out)
    assert (out / "mining.png").read_bytes() == (mined / "mining.png").read_bytes()
    assert (out / "mining.json").stat().st_ino == before


def test_settings_come_from_a_file_and_are_overridden(rollouts, tmp_path):
    (tmp_path / "mine.toml").write_text(
        "budget = 20\nmerge_choices = false\n[subclasses.assess]\nlow = 0.3\n"
    )
    found = report(rollouts, tmp_path / "out", tmp_path / "mine.toml", "budget=10")
    assert found["kept"] == 10
    assert found["settings"]["merge_choices"] is False
    assert found["subclasses"]["assess"]["band"]["low"] == 0.3
    assert "merged into another" not in found["dropped"]


def test_lines_that_were_skipped_are_named_and_counted(rollouts, tmp_path):
    path = Path(shutil.copy(rollouts, tmp_path))
    lines = len(path.read_text().splitlines())
    with path.open("a") as file:
        file.write('{"index": 7')
    ran = mine(path, tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    assert f"skipped: {path}: record {lines}: Invalid JSON" in ran.stderr
    assert "1 lines skipped" in ran.stdout


def test_pictures_are_linked_or_missed(rollouts, mined, tmp_path):
    (tmp_path / "data" / "images").mkdir(parents=True)
    assert "--data DATA links them" in mine(rollouts, mined).stderr
    out = Path(shutil.copytree(mined, tmp_path / "out"))
    assert "--data" not in mine(rollouts, out, "--data", tmp_path / "data").stderr
    assert (out / "images").resolve() == (tmp_path / "data" / "images").resolve()


def test_rollouts_without_rewards_are_an_error_that_names_the_remedy(tmp_path):
    path = write(tmp_path / "rollouts.jsonl", rolled_out(scored=False))
    ran = mine(path, tmp_path / "out")
    assert isinstance(ran.exception, ConfigError)
    assert "finesight rollout score" in str(ran.exception)


def test_a_policy_that_guesses_at_choices_is_told_so(rollouts, tmp_path):
    warning = "choices earn"
    assert warning not in mine(rollouts, tmp_path / "skilled").stdout
    # Every letter as often as any other: right in one of four, as blind letters are on the whole.
    blind = tuple(SampledAnswer(text=f"{letter}.") for letter in "ABCDABCD")
    groups = [
        score_group(
            group.model_copy(update={"answers": blind}) if group.sample.subclass is Subclass.MCQ else group
        )
        for group in rolled_out(scored=False)
    ]
    guessed = write(tmp_path / "guessed.jsonl", groups)
    ran = mine(guessed, tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    told = " ".join(ran.stdout.split())
    assert warning in told
    assert "subclasses.mcq.budget=0" in told
    left_out = mine(guessed, tmp_path / "without", "subclasses.mcq.budget=0")
    assert left_out.exit_code == 0, left_out.output
    assert warning not in left_out.stdout
