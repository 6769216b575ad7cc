"""One report of a run before it is started: each layout with its work, its memory and its time."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from finesight.schema.workload import Workload
from finesight.train.estimate.flops import Flops, flops, hours
from finesight.train.estimate.gpus import Gpu, find_gpu
from finesight.train.estimate.memory import LOGIT_COPIES, RUNTIME_BYTES, Memory, memory, trained_weights
from finesight.train.estimate.recipe import BYTES, Recipe
from finesight.train.estimate.size import ModelSize


class Machine(BaseModel):
    """GPUs of one kind, and the share of their peak that a run reaches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpu: str
    gpus: int = Field(default=1, gt=0)
    utilisation: float = Field(default=0.4, gt=0, le=1)

    @property
    def kind(self) -> Gpu:
        return find_gpu(self.gpu)


class LayoutEstimate(BaseModel):
    """One epoch in one layout; memory is of one GPU, in bytes."""

    model_config = ConfigDict(frozen=True)

    workload: Workload
    flops: Flops
    hours: float
    memory: Memory
    fits: bool


class Estimate(BaseModel):
    """What a run will take, and on which assumptions; layouts are separate, merge and tree."""

    model_config = ConfigDict(frozen=True)

    model: str
    weights: int
    trained: int
    machine: Machine
    recipe: Recipe
    layouts: tuple[LayoutEstimate, ...]
    assumptions: tuple[str, ...]


def estimate(
    name: str, size: ModelSize, works: Sequence[Workload], recipe: Recipe, machine: Machine
) -> Estimate:
    """The report for a model, the workloads of its data, a recipe and a machine.

    Raises:
        ConfigError: a GPU that is not in the table.
    """
    return Estimate(
        model=name,
        weights=size.weights,
        trained=trained_weights(size, recipe),
        machine=machine,
        recipe=recipe,
        layouts=tuple(_layout(size, work, recipe, machine) for work in works),
        assumptions=_assumptions(recipe, machine),
    )


def _layout(size: ModelSize, work: Workload, recipe: Recipe, machine: Machine) -> LayoutEstimate:
    operations = flops(size, work, recipe)
    held = memory(size, work, recipe)
    return LayoutEstimate(
        workload=work,
        flops=operations,
        hours=hours(operations.total, machine.kind.peak(recipe.precision), machine.gpus, machine.utilisation),
        memory=held,
        fits=held.total <= machine.kind.memory_gb * 1e9,
    )


def _assumptions(recipe: Recipe, machine: Machine) -> tuple[str, ...]:
    width = BYTES[recipe.precision]
    peak = machine.kind.peak(recipe.precision)
    trained = f"adapters of rank {recipe.lora_rank}" if recipe.lora_rank else "the whole decoder"
    tower = "trained" if recipe.train_vision else "frozen (forward only)"
    return (
        f"{machine.gpus} x {machine.gpu}: {peak:g} TFLOPS peak ({recipe.precision}, dense), "
        f"{machine.kind.memory_gb:g} GB; {machine.utilisation:.0%} of the peak reached, by assumption",
        f"trained: {trained}; vision tower {tower}",
        f"bytes: weight {width.weight}, gradient {width.gradient}, optimiser {width.optimiser}, "
        f"activation {width.activation}; split over {recipe.shards} GPUs",
        f"gradient checkpointing {'on' if recipe.gradient_checkpointing else 'off'}; "
        f"logits of {recipe.head_chunk or 'all'} answer tokens at a time, {LOGIT_COPIES} copies in 32 bits",
        f"a pass on a GPU: {_pass(recipe)}; {RUNTIME_BYTES / 1e9:g} GB for the runtime; fragmentation is not counted",
        "one epoch, every question asked once; the time to read data and to save is not counted",
    )


def _pass(recipe: Recipe) -> str:
    if recipe.token_budget:
        return f"{recipe.token_budget:,} tokens, or one sequence of mean length if that is longer"
    return f"{recipe.sequences} sequence(s) of mean length"
