"""Pictures per second of `finesight diagnose` over a folder, how soon its first answer comes, and its memory.

    python benchmarks/diagnose.py [PHOTOS] [--count 96] [--size 448] [--model MODEL] [--threads 2] [--json]

The command is run as a user runs it, in a process of its own: one picture at a time, then in batches. `first_s` is
from the start of the process to its first answer, `images_per_s` from there on, decoding and printing included,
`peak_mb` is the largest resident memory. Without a folder the photographs come out of installed packages.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from finesight.data.photos import package_photographs
from finesight.data.synthesise import SynthesisConfig, synthesise
from finesight.data.synthesise.sources import find_photographs

BATCHES = (1, 8)
PROGRAM = "from finesight.ui.cli import main; main()"


def main() -> None:
    """Print the table; with --json its rows on the last line."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as scratch:
        photos = (
            find_photographs(arguments.photos)
            if arguments.photos
            else package_photographs(Path(scratch, "photos"))
        )
        made = Path(scratch, "made")
        synthesise(photos, made, SynthesisConfig(count=arguments.count, size=arguments.size, seed=1))
        rows = {
            f"batch of {n}": timed(made / "images", n, arguments.model, arguments.threads) for n in BATCHES
        }
    show(rows)
    if arguments.json:
        print(json.dumps(rows))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="?", help="folder of photographs")
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--size", type=int, default=448, help="long side in pixels")
    parser.add_argument("--model", help="as in finesight diagnose")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def timed(folder: Path, batch: int, model: str | None, threads: int) -> dict[str, Any]:
    """Run the command over a folder and watch when its lines come."""
    command = [sys.executable, "-c", PROGRAM, "diagnose", str(folder), "--json", "--batch", str(batch)]
    command += ["--model", model] if model else []
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)}
    ) as process:
        assert process.stdout is not None
        lines = [(time.perf_counter(), json.loads(line)) for line in process.stdout]
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    first, last = lines[0][0], lines[-1][0]
    return {
        "images": len(lines),
        "unreadable": sum("error" in record for _, record in lines),
        "first_s": round(first - began, 2),
        "images_per_s": round((len(lines) - batch) / (last - first), 2),
        "peak_mb": round(usage.ru_maxrss / 1024),
    }


def show(rows: dict[str, dict[str, Any]]) -> None:
    table = Table("", "images", "unreadable", "first answer, s", "images/s", "peak memory, MB")
    for name, row in rows.items():
        table.add_row(name, *(str(value) for value in row.values()))
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
