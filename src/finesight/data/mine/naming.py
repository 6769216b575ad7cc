"""Which types of distortion a sample is about."""

from __future__ import annotations

import re

from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType, types_in
from finesight.text.merged import single_samples

_OPTION = re.compile(r"^\(?([A-Z])[.):]\s.*$", re.M)


def types_of(sample: Sample) -> tuple[DistortionType, ...]:
    """The types that question or reference answer name, whether the picture has them or not.

    Of the options of a choice only the right one counts: the others are there to mislead.
    """
    if sample.subclass is not Subclass.MCQ:
        return types_in(f"{sample.question}\n{sample.answer}")
    named = {type_ for single in _singles(sample) for type_ in types_in(_asked(single))}
    return tuple(type_ for type_ in DistortionType if type_ in named)


def _singles(sample: Sample) -> tuple[Sample, ...]:
    try:
        return single_samples(sample)
    except ValueError:  # Only balance and report depend on this: better all its options than none of it.
        return (sample,)


def _asked(choice: Sample) -> str:
    """A choice without its wrong options."""
    right = choice.answer.strip().lstrip("(")[:1]
    return _OPTION.sub(lambda option: option[0] if option[1] == right else "", choice.question)
