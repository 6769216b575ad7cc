"""Work, memory and time of a training run, by formula, before it is started; without torch."""

from finesight.train.estimate.estimate import Estimate, LayoutEstimate, Machine, estimate
from finesight.train.estimate.flops import Flops, flops, forward_flops, hours
from finesight.train.estimate.gpus import GPUS, Gpu, find_gpu
from finesight.train.estimate.memory import Memory, memory, trained_weights
from finesight.train.estimate.published import MODEL_SIZES, find_size
from finesight.train.estimate.recipe import Recipe, recipe_of, size_of
from finesight.train.estimate.shape import (
    IMAGE_TOKENS,
    DataShape,
    layouts,
    pictures_of_samples,
    pictures_of_shape,
)
from finesight.train.estimate.size import ModelSize

__all__ = [
    "GPUS",
    "IMAGE_TOKENS",
    "MODEL_SIZES",
    "DataShape",
    "Estimate",
    "Flops",
    "Gpu",
    "LayoutEstimate",
    "Machine",
    "Memory",
    "ModelSize",
    "Recipe",
    "estimate",
    "find_gpu",
    "find_size",
    "flops",
    "forward_flops",
    "hours",
    "layouts",
    "memory",
    "pictures_of_samples",
    "pictures_of_shape",
    "recipe_of",
    "size_of",
    "trained_weights",
]
