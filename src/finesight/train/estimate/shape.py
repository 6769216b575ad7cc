"""The pictures and prompts of a data set as token counts: measured, or made of averages where it is not here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel, ConfigDict, Field, model_validator

from finesight.data.merge.merging import Caps, Placed, merge_picture, text_tokens
from finesight.data.merge.tokens import estimate_tokens
from finesight.data.merge.workload import Asked, PictureTokens, workloads
from finesight.schema.sample import Sample
from finesight.schema.workload import Layout, Workload

NUMBERING = 4
"""Tokens that number a question, and again its answer, in a merged prompt: `[12]` and a line end."""


IMAGE_TOKENS = 1200
"""Of a picture of about one megapixel in cells of 28 pixels."""


def _usual_prompts(given: dict[str, int]) -> int:
    return max(given["questions"] // 5, given["images"])


class DataShape(BaseModel):
    """A data set by its counts and averages.

    prompts: that the questions are merged into; by default a fifth of the questions, but one a picture. The
    tokens of a question and an answer default to the means of what `finesight data questions` writes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: int = Field(gt=0)
    images: int = Field(gt=0)
    prompts: int = Field(default_factory=_usual_prompts, gt=0)
    image_tokens: int = Field(default=IMAGE_TOKENS, gt=0)
    question_tokens: int = Field(default=30, gt=0)
    answer_tokens: int = Field(default=40, gt=0)

    @model_validator(mode="after")
    def _falling(self) -> DataShape:
        if not self.questions >= self.prompts >= self.images:
            raise ValueError(
                f"{self.questions} questions in {self.prompts} prompts of {self.images} images: "
                "an image needs a prompt and a prompt needs a question"
            )
        return self


def pictures_of_shape(shape: DataShape) -> Iterator[PictureTokens]:
    """Pictures of equal size whose questions, and merged prompts, are shared out as evenly as they go."""
    single = Asked(shape.question_tokens, shape.answer_tokens)
    asked = zip(_even(shape.questions, shape.images), _even(shape.prompts, shape.images), strict=True)
    for questions, prompts in asked:
        merged = tuple(_merged(shape, count) for count in _even(questions, prompts))
        yield PictureTokens(shape.image_tokens, (single,) * questions, merged)


def pictures_of_samples(samples: Iterable[Sample], image_tokens: int) -> Iterator[PictureTokens]:
    """Pictures with the tokens their samples have, estimated from the texts; merged under the default caps."""
    by_image: dict[str, list[Placed]] = {}
    for index, sample in enumerate(samples):
        by_image.setdefault(sample.image, []).append(Placed(index, sample))
    for placed in by_image.values():
        tokens = text_tokens((one.sample for one in placed), estimate_tokens)
        prompts = merge_picture(placed, tokens, Caps())
        joined = zip(prompts, text_tokens(prompts, estimate_tokens), strict=True)
        yield PictureTokens(
            image_tokens,
            tuple(Asked(*pair) for pair in tokens),
            tuple(Asked(*pair, questions=len(prompt.parts)) for prompt, pair in joined),
        )


def layouts(pictures: Iterable[PictureTokens], branches: int, encoded_once: bool) -> list[Workload]:
    """One epoch, every question asked once, in each layout.

    Args:
        branches: most questions behind a picture at a time; the rest of them hang in further trees.
        encoded_once: whether the trees of a picture share one pass of its vision tower.
    """
    counts = Counter(pictures)
    trees = Counter[PictureTokens]()
    for picture, count in counts.items():
        for part in _trees(picture, branches):
            trees[part] += count
    tree = _total("tree", trees)
    if encoded_once:
        once = {"images": counts.total(), "patches": _total("tree", counts).patches}
        tree = tree.model_copy(update=once)
    return [_total("separate", counts), _total("merge", counts), tree]


def _total(layout: Layout, pictures: Mapping[PictureTokens, int]) -> Workload:
    """The workload of pictures in a layout, each as often as it occurs."""
    works = [
        (workloads([picture])[layout].model_dump(exclude={"layout"}), n) for picture, n in pictures.items()
    ]
    names = works[0][0]
    return Workload(layout=layout, **{name: sum(work[name] * n for work, n in works) for name in names})


def _trees(picture: PictureTokens, branches: int) -> Iterator[PictureTokens]:
    for start in range(0, len(picture.singles), branches):
        yield PictureTokens(picture.image, picture.singles[start : start + branches], ())


def _merged(shape: DataShape, questions: int) -> Asked:
    number = NUMBERING if questions > 1 else 0
    return Asked(
        questions * (shape.question_tokens + number), questions * (shape.answer_tokens + number), questions
    )


def _even(total: int, parts: int) -> list[int]:
    """Whole numbers that differ by at most one and sum to `total`."""
    each, extra = divmod(total, parts)
    return [each + (part < extra) for part in range(parts)]
