"""A data folder of mined samples, with the record of how it came about."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from finesight.data.atomic import write_text
from finesight.data.folder import SAMPLES, link_images
from finesight.data.mine.mining import Mined, mine
from finesight.data.mine.report import MiningReport
from finesight.data.mine.settings import MiningSettings
from finesight.data.readers import Reading, read_rollouts, rollout_files, write_samples
from finesight.data.readers.samples import COMBINED
from finesight.errors import ConfigError, InputError
from finesight.schema.rollout import RolloutGroup
from finesight.schema.sample import Subclass

RECORD = "mining.json"
Watch = Callable[[Iterable[Any], str], Iterable[Any]]
"""Hands on what it is given, item by item, under a title: the seam for a progress bar."""


class MiningRecord(BaseModel):
    """What made a folder of mined samples.

    inputs: SHA-256 of each file of rollouts by its name; combined: of the samples file, "" while it is being written.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: int = 1
    inputs: dict[str, str]
    combined: str = ""
    report: MiningReport


def mine_folder(
    rollouts: Path,
    out: Path,
    settings: MiningSettings | None = None,
    data: Path | None = None,
    watch: Watch = lambda items, title: items,
) -> tuple[MiningReport, bool]:
    """Make `out` a data folder of what a file or folder of scored rollouts recommends.

    Gives the report, and whether anything was done: nothing is where `out` is of these rollouts and settings already.

    Args:
        data: the folder whose pictures the questions are about, to be linked.

    Raises:
        ConfigError: the rollouts were never scored.
        InputError: no rollouts, none worth training on, or `out` holds samples that are not from mining.
    """
    settings = settings or MiningSettings()
    files = rollout_files(rollouts)
    former = _former(out)
    if data:
        link_images(out, data)
    inputs = {file.name: _sha256(file) for file in watch(files, "looking for changes")}
    if former and former.inputs == inputs and former.report.settings == settings and _is_whole(out, former):
        return former.report, False
    mined = _mined(files, settings, rollouts, watch)
    _write(out, MiningRecord(inputs=inputs, report=mined.report), mined)
    return mined.report, True


def _mined(files: Sequence[Path], settings: MiningSettings, rollouts: Path, watch: Watch) -> Mined:
    """What the rollouts recommend, which is something; the report has the lines that were skipped."""
    reading = read_rollouts(files)
    kept, report = mine(_scored(watch(reading, "mining"), rollouts, reading), settings)
    if not kept:
        why = ", ".join(f"{count} {reason}" for reason, count in report.dropped.items())
        raise InputError(
            f"{rollouts}: none of its {report.groups} groups is worth training on ({why}); "
            "sample more answers, or widen low..high"
        )
    return Mined(kept, report.model_copy(update={"skipped": tuple(reading.skipped)}))


def _scored(
    groups: Iterable[RolloutGroup], rollouts: Path, reading: Reading[RolloutGroup]
) -> Iterator[RolloutGroup]:
    """The groups; an error where there are none, or where nobody has scored any of them."""
    came = scored = False
    for group in groups:
        came = True
        scored = scored or any(a.reward is not None or a.unscored is not None for a in group.answers)
        yield group
    if not came:
        raise InputError(f"{rollouts}: no group that can be used among {len(reading.skipped)} lines")
    if not scored:
        raise ConfigError(f"{rollouts}: its answers have no rewards; run `finesight rollout score` first")


def _write(out: Path, record: MiningRecord, mined: Mined) -> None:
    # A run that is killed behind the first record finds that the folder is its own, and not whole.
    write_text(out / RECORD, record.model_dump_json(indent=2) + "\n")
    write_samples(out / SAMPLES, (kept.sample for kept in mined.kept))
    here = {kept.sample.subclass for kept in mined.kept}
    for gone in set(Subclass) - here:
        (out / SAMPLES / f"{gone}.json").unlink(missing_ok=True)
    whole = record.model_copy(update={"combined": _sha256(out / SAMPLES / COMBINED)})
    write_text(out / RECORD, whole.model_dump_json(indent=2) + "\n")


def _former(out: Path) -> MiningRecord | None:
    """What a folder says it was made of; None where it is new.

    Raises:
        InputError: it holds samples, and not by mining.
    """
    path = out / RECORD
    if not path.is_file():
        if (out / SAMPLES).exists():
            raise InputError(
                f"{out / SAMPLES}: is not from mining, which would overwrite it; name another folder"
            )
        return None
    try:
        return MiningRecord.model_validate_json(path.read_bytes())
    except ValidationError:
        return None  # Of another version: ours, to be written anew.


def _is_whole(out: Path, record: MiningRecord) -> bool:
    combined = out / SAMPLES / COMBINED
    return combined.is_file() and _sha256(combined) == record.combined


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
