"""Features of pictures from a frozen tower: computed once a picture, kept within bounds, checked when read."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import torch
from safetensors.torch import load, save

from finesight.data.atomic import write_bytes
from finesight.data.images import load_picture
from finesight.errors import InputError
from finesight.model.family import ImageFeatures
from finesight.model.load import LoadedModel
from finesight.train.parts import fingerprint

_DIGEST_BYTES = 32


class FeatureStore:
    """Features by path of the picture, in memory or in files of a folder.

    What fits within `most_bytes` is kept for good and the rest computed again each time: in training every
    picture comes once an epoch, so to throw out one for another would gain nothing. The key of a file holds the
    picture's content, how it is prepared (resize policy, the processor's mean, deviation and the like) and the
    frozen weights, so a change of any of them is a miss; a file whose digest is wrong is computed anew.
    Safe to use from several threads.
    """

    def __init__(
        self, model: LoadedModel, folder: Path | None = None, most_bytes: float = float("inf")
    ) -> None:
        """folder: where files are kept; None keeps them in memory."""
        self._model = model
        self._folder = folder
        self._left = most_bytes
        self._kept: dict[Path, ImageFeatures] = {}
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._prepared = f"{_preparation(model)}|{fingerprint(model.family.tower.state_dict().items())}"
        self.computed = 0
        """Pictures that went through the tower."""

    def __call__(self, path: Path) -> ImageFeatures:
        """The features of a picture.

        Raises:
            InputError: it cannot be read.
        """
        if self._folder is None:
            return self._from_memory(path)
        key = self._key(path)
        file = self._folder / key[:2] / key
        found = _read(file)
        if found is not None:
            self._count(key, file.stat().st_size)
            return found
        features = self._compute(path)
        data = _sealed(features)
        if self._count(key, len(data)):
            write_bytes(file, data)
        return features

    def _from_memory(self, path: Path) -> ImageFeatures:
        features = self._kept.get(path)
        if features is None:
            features = self._compute(path)
            if self._count(str(path), _bytes(features)):
                self._kept[path] = features
        return features

    def _count(self, key: str, size: int) -> bool:
        """Whether there is room for something, which from then on is taken."""
        with self._lock:
            if key not in self._known and size <= self._left:
                self._left -= size
                self._known.add(key)
            return key in self._known

    def _compute(self, path: Path) -> ImageFeatures:
        picture = self._model.images(load_picture(path))
        with torch.no_grad():
            features = self._model.family.features([picture])[0]
        with self._lock:
            self.computed += 1
        return ImageFeatures(
            _small(features.cells),
            tuple(map(_small, features.deep)),
            features.grid.cpu(),
            {name: _small(tensor) for name, tensor in features.extra.items()},
        )

    def _key(self, path: Path) -> str:
        """Name of the file of a picture; known from its bytes alone, without decoding it."""
        try:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); check the data folder") from error
        return hashlib.sha256(f"{content}|{self._prepared}".encode()).hexdigest()


def _preparation(model: LoadedModel) -> str:
    """What is done to a picture before the tower sees it: the policy, and the settings of the processor."""
    processor = model.images.processor
    # A processor of text and images holds that of the images; what it does to text does not matter here.
    settings = getattr(processor, "image_processor", processor)
    said = settings.to_json_string() if settings is not None else ""
    return f"{type(settings).__name__}|{said}|{model.description.policy.model_dump_json()}"


def _small(tensor: torch.Tensor) -> torch.Tensor:
    """As it is kept: in memory of the host, and in 16 bits where it had 32."""
    return (tensor.half() if tensor.dtype == torch.float32 else tensor).cpu().contiguous()


def _bytes(features: ImageFeatures) -> int:
    return sum(t.nbytes for t in (features.cells, features.grid, *features.deep, *features.extra.values()))


def _sealed(features: ImageFeatures) -> bytes:
    """A digest, then the tensors as safetensors."""
    tensors = {"cells": features.cells, "grid": features.grid}
    tensors |= {f"deep.{i}": d for i, d in enumerate(features.deep)}
    tensors |= {f"extra.{name}": tensor for name, tensor in features.extra.items()}
    data = save(tensors)
    return hashlib.sha256(data).digest() + data


def _read(file: Path) -> ImageFeatures | None:
    """What a file holds; None where there is none, or where its bytes are not those that were written."""
    try:
        sealed = file.read_bytes()
    except OSError:
        return None
    digest, data = sealed[:_DIGEST_BYTES], sealed[_DIGEST_BYTES:]
    if hashlib.sha256(data).digest() != digest:
        return None
    tensors = load(data)
    depth = sum(name.startswith("deep.") for name in tensors)
    extra = {n.removeprefix("extra."): t for n, t in tensors.items() if n.startswith("extra.")}
    return ImageFeatures(
        tensors["cells"], tuple(tensors[f"deep.{i}"] for i in range(depth)), tensors["grid"], extra
    )
