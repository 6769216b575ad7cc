"""finesight-nano in transformers' terms: Qwen2.5-VL with its vision tower replaced.

transformers reads the class annotation `config:` at run time, so annotations are not postponed here.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLVisionConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLModel,
    Qwen2_5_VLPreTrainedModel,
    Qwen2_5_VLTextModel,
)

from finesight.model.nano.trunk import CELL_FEATURES, CELL_PX, Trunk
from finesight.model.nano.vision import CellEncoder, Dense, pad_cells
from finesight.schema.diagnosis import Diagnosis


class NanoVisionConfig(Qwen2_5_VLVisionConfig):
    """Sizes of the cell encoder. Patches of 14 px merged 2 x 2 make the 28 px cell of Qwen2.5-VL."""

    model_type = "finesight_nano_vision"

    def __init__(
        self,
        encoder_width: int = 256,
        encoder_layers: int = 3,
        encoder_heads: int = 4,
        out_hidden_size: int = 256,
        **kwargs: Any,
    ) -> None:
        super().__init__(out_hidden_size=out_hidden_size, **kwargs)
        self.encoder_width = encoder_width
        self.encoder_layers = encoder_layers
        self.encoder_heads = encoder_heads


class NanoConfig(Qwen2_5_VLConfig):
    """A Qwen2_5_VLConfig whose vision part is NanoVisionConfig."""

    model_type = "finesight_nano"
    sub_configs_defaults: ClassVar = {
        "vision_config": NanoVisionConfig,
        "text_config": Qwen2_5_VLConfig.sub_configs_defaults["text_config"],
    }
    sub_configs: ClassVar = sub_configs_defaults


class NanoVision(Qwen2_5_VLPreTrainedModel):
    """`visual` of nano: a frozen trunk, then the trained encoder."""

    config: NanoVisionConfig
    main_input_name = "pixel_values"

    def __init__(self, config: NanoVisionConfig) -> None:
        super().__init__(config)
        self.spatial_merge_size = config.spatial_merge_size
        self.trunk = Trunk()
        self.encoder = CellEncoder(
            CELL_FEATURES,
            config.encoder_width,
            config.encoder_layers,
            config.encoder_heads,
            config.out_hidden_size,
        )
        self.post_init()

    def cell_features(self, pixel_values: Tensor, grid_thw: Tensor) -> list[Tensor]:
        """Frozen features of each picture: one (cells, CELL_FEATURES) tensor a picture.

        Args:
            pixel_values: (cells of all pictures, 3 * 28 * 28), values 0..255, row-major cells.
            grid_thw: (pictures, 3), Qwen's grid in 14 px patches.
        """
        grids = self.cell_grids(grid_thw)
        parts = torch.split(pixel_values, [h * w for h, w in grids])
        with torch.no_grad():
            return [self.trunk(_assemble(p, g)).flatten(0, 2) for p, g in zip(parts, grids, strict=True)]

    def cell_grids(self, grid_thw: Tensor) -> list[tuple[int, int]]:
        """(height, width) of each picture in cells."""
        merge = self.spatial_merge_size
        return [(int(h) // merge, int(w) // merge) for _, h, w in grid_thw.tolist()]

    def encode(
        self,
        features: list[Tensor],
        grids: list[tuple[int, int]],
        hints: Sequence[Diagnosis | None] | None = None,
    ) -> tuple[list[Tensor], Dense]:
        """Tokens of each picture, (cells, hidden), and the dense view of the padded batch."""
        tokens, dense = self.encoder(pad_cells(features, grids), hints)
        return [t[: len(f)] for t, f in zip(tokens, features, strict=True)], dense

    def look(self, features: list[Tensor], grids: list[tuple[int, int]]) -> Dense:
        """The dense view alone, for steps that train the encoder before the decoder."""
        return self.encoder.look(pad_cells(features, grids))

    def forward(self, pixel_values: Tensor, grid_thw: Tensor, **_: Any) -> BaseModelOutputWithPooling:
        grids = self.cell_grids(grid_thw)
        tokens, _dense = self.encode(self.cell_features(pixel_values, grid_thw), grids)
        return BaseModelOutputWithPooling(pooler_output=torch.cat(tokens))


class NanoModel(Qwen2_5_VLModel):
    """Qwen2.5-VL's body with NanoVision as `visual`."""

    config: NanoConfig

    def __init__(self, config: NanoConfig) -> None:
        Qwen2_5_VLPreTrainedModel.__init__(self, config)
        self.visual = NanoVision._from_config(config.vision_config)
        self.language_model = Qwen2_5_VLTextModel._from_config(config.text_config)
        self.rope_deltas = None
        self.post_init()


class NanoForConditionalGeneration(Qwen2_5_VLForConditionalGeneration):
    """finesight-nano, with everything transformers knows to do with a Qwen2.5-VL."""

    config: NanoConfig

    def __init__(self, config: NanoConfig) -> None:
        Qwen2_5_VLPreTrainedModel.__init__(self, config)
        self.model = NanoModel(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        self.post_init()


def _assemble(cells: Tensor, grid: tuple[int, int]) -> Tensor:
    """(h * w, 3 * 28 * 28) cells to a (1, 3, 28 h, 28 w) picture."""
    h, w = grid
    tiles = cells.view(h, w, 3, CELL_PX, CELL_PX)
    return tiles.permute(2, 0, 3, 1, 4).reshape(1, 3, h * CELL_PX, w * CELL_PX)


AutoConfig.register("finesight_nano", NanoConfig)
AutoModelForImageTextToText.register(NanoConfig, NanoForConditionalGeneration)
