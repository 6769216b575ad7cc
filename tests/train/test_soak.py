"""A run of a few thousand steps takes no more memory at its end than when it has warmed up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from finesight.train.track import read_metrics

RUN = (
    "import sys; from pathlib import Path; from finesight.train.settings import SftConfig;"
    "from finesight.train.sft import train_sft;"
    "train_sft(SftConfig.model_validate_json(Path(sys.argv[1]).read_text()))"
)
STEPS = 3000
MB = 1e6


@pytest.mark.slow
def test_resident_memory_stays_flat(training_set, settings_for, tmp_path):
    fields = {"eval_data": training_set, "eval_every": 500, "eval_pictures": 4, "cache_gb": 1e-4}
    config = settings_for(
        training_set, tmp_path / "run", steps=STEPS, checkpoint_every=250, learning_rate=1e-4, **fields
    )
    (tmp_path / "config.json").write_text(config.model_dump_json())
    child = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path / "config.json")],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    seen: list[tuple[int, float]] = []

    def watch() -> None:
        while child.poll() is None:
            try:
                with open(f"/proc/{child.pid}/statm") as file:
                    resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except (OSError, IndexError):
                return
            seen.append((len(read_metrics(config.out)), resident))
            time.sleep(1.0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert child.wait() == 0
    watcher.join()
    early = [rss for step, rss in seen if STEPS * 0.2 <= step < STEPS * 0.4]
    late = [rss for step, rss in seen if step >= STEPS * 0.8]
    print(f"resident: {max(early) / MB:.0f} MB early, {max(late) / MB:.0f} MB late, {STEPS} steps")
    assert max(late) <= max(early) + 30 * MB
