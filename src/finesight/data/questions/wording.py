"""How types are named inside questions and short answers."""

from __future__ import annotations

from finesight.schema.taxonomy import DistortionType


def name_of(type_: DistortionType) -> str:
    """The name inside a sentence: `low clarity`."""
    return type_.value.lower()


def with_article(type_: DistortionType) -> str:
    """As the challenge's questions write it: `an overexposure`, `a blocking artifacts`."""
    name = name_of(type_)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
