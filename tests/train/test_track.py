from __future__ import annotations

import json

from finesight.train.ranks import Ranks
from finesight.train.track import EVALUATION, METRICS, Track, read_metrics


def run(folder, done, until):
    with Track(folder, "training", 10, done, Ranks()) as track:
        for step in range(done + 1, until + 1):
            track.log(step, loss=1 / step)


def test_a_run_leaves_a_row_a_step(tmp_path):
    run(tmp_path, 0, 4)
    rows = read_metrics(tmp_path)
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert [row["loss"] for row in rows] == [1.0, 0.5, 0.333333, 0.25]
    assert all(row["seconds"] >= 0 for row in rows)


def test_small_numbers_keep_their_digits(tmp_path):
    with Track(tmp_path, "training", 1, 0, Ranks()) as track:
        track.log(1, learning_rate=1.2345678e-7)
        track.evaluated(1, {"kl_start": 3.3e-8})
    assert read_metrics(tmp_path)[0]["learning_rate"] == 1.23457e-7
    assert read_metrics(tmp_path, EVALUATION)[0]["kl_start"] == 3.3e-8


def test_a_resumed_run_has_every_step_once(tmp_path):
    run(tmp_path, 0, 7)
    run(tmp_path, 4, 10)
    assert [row["step"] for row in read_metrics(tmp_path)] == list(range(1, 11))


def test_a_run_begun_anew_drops_the_rows_of_the_former_one(tmp_path):
    run(tmp_path, 0, 7)
    run(tmp_path, 0, 2)
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2]


def test_a_last_line_that_a_kill_cut_off_is_left_out(tmp_path):
    run(tmp_path, 0, 3)
    whole = (tmp_path / METRICS).read_text()
    for cut in (1, 5, len(whole.splitlines()[-1]) - 1):
        (tmp_path / METRICS).write_text(whole[:-cut])
        assert [row["step"] for row in read_metrics(tmp_path)] in ([1, 2], [1, 2, 3])
        run(tmp_path, 2, 4)
        lines = (tmp_path / METRICS).read_text().splitlines()
        assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]


def test_a_row_is_on_disk_as_soon_as_it_is_logged(tmp_path):
    with Track(tmp_path, "training", 3, 0, Ranks()) as track:
        track.log(1, loss=2.0)
        assert [row["step"] for row in read_metrics(tmp_path)] == [1]


def test_a_run_without_metrics_has_no_rows(tmp_path):
    assert read_metrics(tmp_path) == []


def test_the_bar_is_not_on_stdout(tmp_path, capsys):
    run(tmp_path, 0, 2)
    assert capsys.readouterr().out == ""
