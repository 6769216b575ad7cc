"""Stages are pure bookkeeping: these tests work with files of a few bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from finesight.data.stages import (
    STAMP,
    Outlook,
    Source,
    Stage,
    Stamp,
    changes,
    do,
    look,
    mark,
    put_aside,
    read_stamp,
)
from finesight.errors import InputError


class Workshop:
    """A stage that copies its input in capitals, and a count of its work."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.worked = 0
        self.source = home / "in.txt"
        self.source.write_text("a")
        self.out = home / "upper" / "out.txt"

    def work(self) -> None:
        self.worked += 1
        self.out.write_text(self.source.read_text().upper())

    def forget(self) -> None:
        self.out.unlink(missing_ok=True)

    def stage(self, **settings: object) -> Stage:
        return Stage(
            "upper", self.out.parent, self.work, settings, (Source(self.source),), (self.out,), self.forget
        )


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_a_stage_is_done_once(shop):
    first = do(shop.stage(size=1))
    assert (first.done, first.starts, shop.out.read_text()) == (True, 1, "A")
    assert do(shop.stage(size=1)) == first
    assert shop.worked == 1


def test_looking_does_nothing(shop):
    assert look(shop.stage()).due
    assert not shop.out.parent.exists()
    assert shop.worked == 0


def test_another_setting_is_named_and_the_work_done_anew(shop):
    do(shop.stage(size=1, colours={"red": 0.5}))
    outlook = look(shop.stage(size=2, colours={"red": None}))
    assert (outlook.due, outlook.anew) == (True, True)
    assert outlook.why == "colours.red is none, was 0.5; size is 2, was 1"
    do(shop.stage(size=2, colours={"red": None}))
    assert shop.worked == 2


def test_of_many_changes_some_are_named_and_the_rest_counted(shop):
    do(shop.stage())
    outlook = look(shop.stage(a=1, b=2, c=3, d=4, e=5))
    assert outlook.why == "a is 1, was none; b is 2, was none; c is 3, was none; and 2 more"


def test_a_setting_that_was_not_there_and_is_none_changes_nothing(shop):
    do(shop.stage(size=1))
    assert not look(shop.stage(size=1, colour=None)).due


def test_another_input_is_named(shop):
    do(shop.stage())
    shop.source.write_text("b")
    assert look(shop.stage()).why == f"{shop.source} has changed"
    do(shop.stage())
    assert shop.out.read_text() == "B"


def test_an_input_that_was_only_touched_is_the_same(shop):
    do(shop.stage())
    os.utime(shop.source, (1, 1))
    assert not look(shop.stage()).due


def test_a_result_that_is_gone_is_made_again(shop):
    do(shop.stage())
    shop.out.unlink()
    assert look(shop.stage()).why == f"{shop.out} is gone"
    do(shop.stage())
    assert shop.out.is_file()


def test_a_stamp_that_cannot_be_read_is_no_reason_to_trust_what_is_there(shop):
    do(shop.stage())
    (shop.out.parent / STAMP).write_text('{"done": tr')
    outlook = look(shop.stage())
    assert (outlook.due, outlook.anew) == (True, True)
    assert "cannot be read" in outlook.why


def test_what_others_made_is_taken_away_before_the_work(shop):
    seen = []
    do(shop.stage(size=1))
    stage = shop.stage(size=2)._replace(work=lambda: seen.append(shop.out.exists()) or shop.work())
    do(stage)
    assert seen == [False]


def test_work_that_fails_goes_on_the_next_time(shop):
    def fail() -> None:
        shop.out.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do(shop.stage()._replace(work=fail))
    outlook = look(shop.stage())
    assert (outlook.due, outlook.anew, outlook.why) == (True, False, "was cut off, goes on")
    seen = []
    stamp = do(shop.stage()._replace(work=lambda: seen.append(shop.out.read_text())))
    assert seen == ["half"]
    assert (stamp.done, stamp.starts) == (True, 2)


def test_work_that_was_cut_off_does_not_go_on_with_other_input(shop):
    def fail() -> None:
        shop.out.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do(shop.stage()._replace(work=fail))
    shop.source.write_text("b")
    seen = []
    do(shop.stage()._replace(work=lambda: seen.append(shop.out.exists()) or shop.work()))
    assert seen == [False]


KILLED = """
import os, signal, sys
from pathlib import Path
from finesight.data.stages import *
home = Path(sys.argv[1])
def work():
    with (home / "s" / "rows").open("a") as rows:
        for n in range(sum(1 for _ in (home / "s" / "rows").open()), 5):
            print(n, file=rows, flush=True)
            if n == int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)
(home / "s").mkdir(exist_ok=True)
(home / "s" / "rows").touch()
print(do(Stage("s", home / "s", work, makes=(home / "s" / "rows",))).starts)
"""


def test_a_stage_that_was_killed_goes_on_to_the_same_result(tmp_path):
    def run(kill_at: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", KILLED, str(tmp_path), str(kill_at)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    assert run(1).returncode == -signal.SIGKILL
    done = run(9)
    assert done.stdout == "2\n", done.stderr
    assert (tmp_path / "s" / "rows").read_text().split() == ["0", "1", "2", "3", "4"]


def test_a_stage_that_leaves_nothing_is_an_error_and_not_done(shop):
    with pytest.raises(InputError, match=r"upper: its work is over and .*out\.txt is not there"):
        do(shop.stage()._replace(work=lambda: None))
    stamp = read_stamp(shop.out.parent)
    assert stamp is not None
    assert not stamp.done


def test_what_is_to_become_of_a_stage_is_told_before(shop):
    told: list[tuple[str, Outlook, int]] = []
    for _ in range(2):
        do(shop.stage(), lambda stage, outlook: told.append((stage.name, outlook, shop.worked)))
    assert [(name, o.due, o.why, worked) for name, o, worked in told] == [
        ("upper", True, "not done yet", 0),
        ("upper", False, "nothing has changed", 1),
    ]


@pytest.mark.parametrize("shared", [False, True])
def test_other_processes_wait_and_take_part_only_in_what_is_shared(shop, shared):
    took_part, may_end = threading.Event(), threading.Event()

    def work() -> None:
        assert (took_part if shared else may_end).wait(20)
        shop.work()

    stage = shop.stage()._replace(work=work, shared=shared)
    follower = stage._replace(work=took_part.set)
    found: list[Stamp] = []
    threads = [
        threading.Thread(target=lambda: found.append(do(follower, rank=1)), daemon=True),
        threading.Thread(target=lambda: found.append(do(stage)), daemon=True),
    ]
    for thread in threads:
        thread.start()
    assert not found
    may_end.set()
    for thread in threads:
        thread.join(20)
    assert [stamp.done for stamp in found] == [True, True]
    assert took_part.is_set() == shared
    assert shop.worked == 1


def test_a_process_that_comes_late_skips_what_is_done(shop):
    done = do(shop.stage())
    assert do(shop.stage()._replace(shared=True), rank=1) == done
    assert shop.worked == 1


def test_the_mark_of_a_folder_is_that_of_all_files_in_it(tmp_path):
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a").write_text("1")
    before = mark(Source(folder))
    assert mark(Source(folder)) == before
    (folder / "b").write_text("2")
    more = mark(Source(folder))
    (folder / "b").rename(folder / "c")
    assert len({before, more, mark(Source(folder))}) == 3


def test_a_list_of_pictures_is_told_apart_by_size_and_time_and_followed_through_links(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "images").symlink_to(tmp_path / "real", target_is_directory=True)
    picture = tmp_path / "real" / "a.png"
    picture.write_text("1")
    os.utime(picture, (1, 1))
    before = mark(Source(tmp_path / "images", by_content=False))
    picture.write_text("2")
    os.utime(picture, (1, 1))
    assert mark(Source(tmp_path / "images", by_content=False)) == before
    os.utime(picture, (2, 2))
    assert mark(Source(tmp_path / "images", by_content=False)) != before


def test_what_is_not_there_has_a_mark_of_its_own(tmp_path):
    assert mark(Source(tmp_path / "nothing")) == "absent"


def test_changes_are_those_of_dotted_settings_and_of_files():
    before = Stamp(settings={"a": {"b": 1, "c": [1, 2]}, "gone": True}, reads={"x": "1", "y": "1"})
    now = Stamp(settings={"a": {"b": 1, "c": [1, 3]}, "gone": None}, reads={"x": "2", "y": "1"})
    assert changes(before, now) == [
        "a.c is [1, 3], was [1, 2]",
        "gone is none, was true",
        "x has changed",
    ]
    assert changes(before, before) == []


def test_what_is_put_aside_is_kept_under_a_new_number(tmp_path):
    folder = tmp_path / "sft"
    for text in ("old", "older"):
        folder.mkdir(exist_ok=True)
        (folder / STAMP).write_text(json.dumps({"of": text}))
        (folder / "model").write_text(text)
        (folder / "features").write_text("kept")
        put_aside(folder, tmp_path / "replaced", ["features"])
    assert [p.name for p in folder.iterdir()] == ["features"]
    assert (tmp_path / "replaced" / "sft-1" / "model").read_text() == "old"
    assert (tmp_path / "replaced" / "sft-2" / "model").read_text() == "older"
    assert json.loads((tmp_path / "replaced" / "sft-2" / STAMP).read_text()) == {"of": "older"}
