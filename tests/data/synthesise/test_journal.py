from pathlib import Path

import pytest

from finesight.data.synthesise.journal import Journal
from finesight.errors import ConfigError
from finesight.schema.annotation import Annotation
from finesight.schema.taxonomy import Level

RECIPE: dict[str, object] = {"seed": 1}
NOTE = Annotation(image="000003.jpg", width=4, height=3, mos=4.8, level=Level.EXCELLENT, source="a.png")


def test_what_was_noted_is_there_when_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path, RECIPE) as journal:
        journal.add([(3, NOTE)])
        journal.skip("b.png", "not a picture")
    with Journal(path, RECIPE) as again:
        assert again.finished == {3: NOTE}
        assert again.skipped == {"b.png": "not a picture"}


def test_a_line_torn_by_a_kill_is_forgotten_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path, RECIPE) as journal:
        journal.add([(1, NOTE), (2, NOTE)])
    path.write_text(path.read_text()[:-20])
    with Journal(path, RECIPE) as journal:
        assert set(journal.finished) == {1}
        journal.add([(5, NOTE)])
    with Journal(path, RECIPE) as again:
        assert set(again.finished) == {1, 5}


def test_another_recipe_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path, RECIPE) as journal:
        journal.add([(1, NOTE)])
    with pytest.raises(ConfigError, match="another recipe; choose another folder"):
        Journal(path, {"seed": 2})


def test_a_folder_in_which_nothing_was_finished_takes_any_recipe(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path, RECIPE) as journal:
        journal.skip("b.png", "not a picture")
    with Journal(path, {"seed": 2}) as other:
        assert other.skipped == {}
        other.add([(1, NOTE)])
    with Journal(path, {"seed": 2}) as again:
        assert set(again.finished) == {1}
