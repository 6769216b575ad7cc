"""What GPUs can do at most, from their vendor's data sheets."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from finesight.errors import ConfigError
from finesight.train.estimate.recipe import Precision


class Gpu(BaseModel):
    """Peak dense TFLOPS (no sparsity) of matrix products in bf16, summed in 32 bits, and in fp32, and memory."""

    model_config = ConfigDict(frozen=True)

    bf16: float
    fp32: float
    memory_gb: float

    def peak(self, precision: Precision) -> float:
        """TFLOPS in a precision; fp32 without TF32, as torch computes unless told otherwise."""
        return self.bf16 if precision == "bf16" else self.fp32


GPUS: dict[str, Gpu] = {
    # NVIDIA L20 data sheet.
    "l20": Gpu(bf16=119.5, fp32=59.8, memory_gb=48),
    # NVIDIA L40S data sheet; bf16 is half of the figure with sparsity, 733.
    "l40s": Gpu(bf16=362, fp32=91.6, memory_gb=48),
    # NVIDIA H20 data sheet.
    "h20": Gpu(bf16=148, fp32=44, memory_gb=96),
    # NVIDIA A100 80GB data sheet; A800 differs in NVLink only.
    "a100-80g": Gpu(bf16=312, fp32=19.5, memory_gb=80),
    "a800-80g": Gpu(bf16=312, fp32=19.5, memory_gb=80),
    # NVIDIA H100 SXM data sheet; bf16 is half of the figure with sparsity, 1,979. H800 differs in NVLink only.
    "h100": Gpu(bf16=989, fp32=67, memory_gb=80),
    "h800": Gpu(bf16=989, fp32=67, memory_gb=80),
    # NVIDIA H200 SXM data sheet.
    "h200": Gpu(bf16=989, fp32=67, memory_gb=141),
    # NVIDIA Ada GPU architecture whitepaper, appendix A (GeForce RTX 4090, FP32 accumulate).
    "rtx4090": Gpu(bf16=165.2, fp32=82.6, memory_gb=24),
}


def find_gpu(name: str) -> Gpu:
    """The GPU of a name, in any case.

    Raises:
        ConfigError: it is not in the table.
    """
    if name.lower() not in GPUS:
        raise ConfigError(f"GPU {name!r} is not known; known are {', '.join(GPUS)}")
    return GPUS[name.lower()]
