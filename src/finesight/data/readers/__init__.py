"""Readers: files in, validated records out, and a ledger of what was skipped and why.

Every reader returns a `Reading`: iterate it for the records, then look at `.skipped`.
"""

from finesight.data.readers.challenge import read_reference, read_submission
from finesight.data.readers.metadata import read_metadata, write_metadata
from finesight.data.readers.mos import Rating, read_mos
from finesight.data.readers.reading import Reading, Skipped
from finesight.data.readers.rollouts import read_rollouts, rollout_files
from finesight.data.readers.samples import infer_subclass, read_samples, write_samples

__all__ = [
    "Rating",
    "Reading",
    "Skipped",
    "infer_subclass",
    "read_metadata",
    "read_mos",
    "read_reference",
    "read_rollouts",
    "read_samples",
    "read_submission",
    "rollout_files",
    "write_metadata",
    "write_samples",
]
