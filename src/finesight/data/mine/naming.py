"""Which types of distortion a sample is about."""

from __future__ import annotations

import re

from finesight.data.merge.merging import unmerge_sample
from finesight.errors import InputError
from finesight.schema.sample import Sample, Subclass
from finesight.schema.taxonomy import DistortionType, types_in

_OPTION = re.compile(r"^\(?([A-Z])[.):]\s.*$", re.M)


def types_of(sample: Sample) -> tuple[DistortionType, ...]:
    """The types that question or reference answer name, whether the picture has them or not.

    Of the options of a choice only the right one counts: the others are there to mislead.
    """
    if sample.subclass is not Subclass.MCQ:
        return types_in(f"{sample.question}\n{sample.answer}")
    named = {type_ for single in _singles(sample) for type_ in types_in(_asked(single))}
    return tuple(type_ for type_ in DistortionType if type_ in named)


def _singles(sample: Sample) -> list[Sample]:
    if len(sample.parts) < 2:
        return [sample]
    try:
        return [placed.sample for placed in unmerge_sample(sample)]
    except InputError:  # Nothing that it is trained or scored by depends on this; its options count too then.
        return [sample]


def _asked(choice: Sample) -> str:
    """A choice without its wrong options."""
    right = choice.answer.strip().lstrip("(")[:1]
    return _OPTION.sub(lambda option: option[0] if option[1] == right else "", choice.question)
