"""What of a picture's findings lies within a part of it."""

from __future__ import annotations

from collections.abc import Iterable

from finesight.schema.box import Box
from finesight.schema.diagnosis import Finding, canonical


def clipped(findings: Iterable[Finding], region: Box) -> tuple[Finding, ...]:
    """The findings inside the region, cut to it, each once; none is key, as that is said of pictures only."""
    return canonical(
        Finding(type=f.type, severity=f.severity, box=box) for f in findings if (box := f.box.clip(region))
    )
