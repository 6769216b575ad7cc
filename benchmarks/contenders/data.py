"""Synthetic pictures of an exact number of image tokens, with k questions of the project's own kinds each."""

from __future__ import annotations

from pathlib import Path
from random import Random

import cv2
import numpy as np

from finesight.data.folder import IMAGES, SAMPLES, read_folder
from finesight.data.questions import questions_of
from finesight.data.questions.samples import PER_CLASS
from finesight.data.readers.samples import write_samples
from finesight.data.synthesise import SynthesisConfig, synthesise
from finesight.schema.sample import Sample

CELL = 28
"""Side of an image token in pixels."""
SIZE = 448
"""Side of the photographs, before what is made of them is stretched to the tokens asked for."""


def make_data(folder: Path, images: int, questions: int, image_tokens: int, seed: int) -> None:
    """A data folder: images/*.png, and samples/ with exactly `questions` of each.

    Kept as PNG, which every decoder reads alike: contenders may bring a decoder of their own.

    Raises:
        SystemExit: too few pictures have so many different questions, or such a shape cannot be made.
    """
    height, width = (side * CELL for side in sides(image_tokens))
    folder.mkdir(parents=True, exist_ok=True)
    photos = [folder / f"photo{i}.png" for i in range(images)]
    for index, photo in enumerate(photos):
        cv2.imwrite(str(photo), _photograph(seed + index))
    # More pictures than needed, for some have little to ask about.
    config = SynthesisConfig(count=2 * images + 4, size=SIZE, seed=seed, clean_share=0.0)
    synthesise(photos, folder / "made", config)
    chosen: list[Sample] = []
    (folder / IMAGES).mkdir()
    for annotation in read_folder(folder / "made"):
        asked = _asked(questions_of(annotation, seed, _enough(questions)), questions, seed)
        if asked and len(chosen) < images * questions:
            name = Path(annotation.image).with_suffix(".png").name
            picture = cv2.imread(str(folder / "made" / IMAGES / annotation.image))
            # Boxes are in thousandths of each side, so they hold for the stretched picture too.
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(folder / IMAGES / name), picture)
            chosen += [sample.model_copy(update={"image": name}) for sample in asked]
    if len(chosen) < images * questions:
        raise SystemExit(f"--questions {questions}: too few pictures have so much to ask about; take less")
    write_samples(folder / SAMPLES, chosen)


def sides(image_tokens: int) -> tuple[int, int]:
    """Height and width in cells, as square as the number allows.

    Raises:
        SystemExit: a picture of that shape cannot be made.
    """
    height = next(h for h in range(int(image_tokens**0.5), 0, -1) if image_tokens % h == 0)
    if height < 2 or image_tokens > 3 * height * height:
        raise SystemExit(f"--image-tokens {image_tokens}: take a product of two like numbers")
    return height, image_tokens // height


def _enough(questions: int) -> dict:
    """More of each subclass where the usual 16 of a picture are not enough."""
    return {kind: count * max(1, -(-questions // 8)) for kind, count in PER_CLASS.items()}


def _asked(samples: list[Sample], questions: int, seed: int) -> list[Sample]:
    """A random choice, in the order they came, as a step of training draws them."""
    if len(samples) < questions:
        return []
    drawn = Random(f"{seed}|{samples[0].image}").sample(range(len(samples)), questions)
    return [samples[i] for i in sorted(drawn)]


def _photograph(seed: int) -> np.ndarray:
    """Sharp shapes and fine texture, (SIZE, SIZE, 3)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    picture = np.stack([90 + 80 * columns, 110 + 60 * rows, 150 - 50 * rows], axis=2)
    picture = (picture + rng.normal(0, 6, (SIZE, SIZE, 1))).clip(0, 255).astype(np.uint8)
    for _ in range(16):
        color = tuple(int(c) for c in rng.integers(40, 220, 3))
        x, y, radius = (int(rng.integers(*span)) for span in ((0, SIZE), (0, SIZE), (6, SIZE // 6)))
        cv2.circle(picture, (x, y), radius, color, -1, cv2.LINE_AA)
        cv2.putText(picture, "0123", (x, y), 0, 0.5, (20, 20, 20), 1, cv2.LINE_AA)
    return picture
