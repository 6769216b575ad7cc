"""Frozen vision features, computed once a picture and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from finesight.data.atomic import write_bytes
from finesight.data.images import load_picture
from finesight.errors import InputError
from finesight.model.family import ImageFeatures
from finesight.model.load import LoadedModel
from finesight.schema.picture import Picture


class FeatureStore:
    """Features of pictures by path, as float16 in memory and, given a folder, on disk.

    The key holds the picture's content, how it is prepared (resize policy, the processor's mean, deviation and
    the like) and the frozen weights, so a change of any of them is a miss; a file that does not read back is
    computed anew.
    """

    def __init__(self, model: LoadedModel, folder: Path | None = None) -> None:
        self._model = model
        self._folder = folder
        self._kept: dict[Path, ImageFeatures] = {}
        self._weights = _fingerprint(model)
        self.failures: dict[Path, str] = {}
        self.computed = 0

    def __getitem__(self, path: Path) -> ImageFeatures:
        return self._kept[path]

    def __contains__(self, path: Path) -> bool:
        return path in self._kept

    def fill(self, paths: Iterable[Path], advance: Callable[[], None] = lambda: None) -> None:
        """Have the features of every path; a picture that cannot be read goes to `failures`."""
        for path in paths:
            if path not in self._kept and path not in self.failures:
                try:
                    self._kept[path] = self._of(path)
                except InputError as error:
                    self.failures[path] = str(error)
            advance()

    def _of(self, path: Path) -> ImageFeatures:
        file = self._file(path)
        found = _read(file) if file else None
        if found is None:
            found = self._compute(load_picture(path))
            if file:
                _write(file, found)
        return found

    def _compute(self, picture: Picture) -> ImageFeatures:
        self.computed += 1
        with torch.no_grad():
            features = self._model.family.features([self._model.images(picture)])[0]
        return ImageFeatures(
            _small(features.cells),
            tuple(map(_small, features.deep)),
            features.grid.cpu(),
            {name: _small(tensor) for name, tensor in features.extra.items()},
        )

    def _file(self, path: Path) -> Path | None:
        """Where the features of a picture are kept; known from its bytes alone, without decoding it."""
        if self._folder is None:
            return None
        try:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); check the data folder") from error
        key = hashlib.sha256(f"{content}|{_preparation(self._model)}|{self._weights}".encode()).hexdigest()
        return self._folder / key[:2] / f"{key}.safetensors"


def _fingerprint(model: LoadedModel) -> str:
    """Digest of the weights that features depend on: the frozen tower."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.family.tower.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()


def _preparation(model: LoadedModel) -> str:
    """What is done to a picture before the tower sees it: the policy, and the settings of the processor."""
    processor = model.images.processor
    # A processor of text and images holds that of the images; what it does to text does not matter here.
    settings = getattr(processor, "image_processor", processor)
    said = settings.to_json_string() if settings is not None else ""
    return f"{type(settings).__name__}|{said}|{model.description.policy.model_dump_json()}"


def _small(tensor: torch.Tensor) -> torch.Tensor:
    """As it is kept: in memory of the host, and half as precise where it has a precision."""
    return (tensor.half() if tensor.is_floating_point() else tensor).cpu()


def _read(file: Path) -> ImageFeatures | None:
    try:
        tensors = load_file(file)
    except (OSError, SafetensorError):
        return None
    depth = sum(name.startswith("deep.") for name in tensors)
    extra = {n.removeprefix("extra."): t for n, t in tensors.items() if n.startswith("extra.")}
    deep = tuple(tensors[f"deep.{i}"] for i in range(depth))
    return ImageFeatures(tensors["cells"], deep, tensors["grid"], extra)


def _write(file: Path, features: ImageFeatures) -> None:
    tensors = {"cells": features.cells.contiguous(), "grid": features.grid}
    tensors |= {f"deep.{i}": d.contiguous() for i, d in enumerate(features.deep)}
    tensors |= {f"extra.{name}": tensor.contiguous() for name, tensor in features.extra.items()}
    write_bytes(file, save(tensors))
