"""finesight-nano in transformers' terms: Qwen2.5-VL with its vision tower replaced.

transformers reads the class annotation `config:` at run time, so annotations are not postponed here.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForImageTextToText, initialization
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLVisionConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLModel,
    Qwen2_5_VLPreTrainedModel,
    Qwen2_5_VLTextModel,
)

from finesight.model.nano.pointer import PointerLayer
from finesight.model.nano.projector import Projector
from finesight.model.nano.trunk import CELL_FEATURES, Trunk
from finesight.model.nano.vision import CellEncoder, Dense, pad_cells
from finesight.model.resize import CELL_PX
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
    """`visual` of nano: the trunk, then the encoder and the projector to decoder tokens."""

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
        )
        self.projector = Projector(config.encoder_width, config.out_hidden_size)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, CellEncoder):  # of a checkpoint from before scores were tilted
            initialization.zeros_(module.feature_tilt)
            initialization.zeros_(module.hidden_tilt)

    def cell_features(self, pixel_values: Tensor, grid_thw: Tensor) -> list[Tensor]:
        """What the trunk makes of each picture: one (cells, CELL_FEATURES) tensor a picture.

        Args:
            pixel_values: (cells of all pictures, 3 * 28 * 28), values 0..255, row-major cells.
            grid_thw: (pictures, 3), Qwen's grid in 14 px patches.
        """
        grids = self.cell_grids(grid_thw)
        parts = torch.split(pixel_values, [h * w for h, w in grids])
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
        cells = pad_cells(features, grids)
        seen = self.encoder(cells)
        tokens = self.projector(cells, seen, hints)
        return [t[: len(f)] for t, f in zip(tokens, features, strict=True)], seen.dense

    def look(self, features: list[Tensor], grids: list[tuple[int, int]]) -> Dense:
        """The dense view alone, for steps that train the encoder before the decoder."""
        dense: Dense = self.encoder(pad_cells(features, grids)).dense
        return dense

    def forward(self, pixel_values: Tensor, grid_thw: Tensor, **_: Any) -> BaseModelOutputWithPooling:
        grids = self.cell_grids(grid_thw)
        tokens, _dense = self.encode(self.cell_features(pixel_values, grid_thw), grids)
        return BaseModelOutputWithPooling(pooler_output=torch.cat(tokens))


class NanoTextModel(Qwen2_5_VLTextModel):
    """Qwen2.5's decoder whose last layer is a pointer into the input tokens."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.layers[-1] = PointerLayer(config, config.num_hidden_layers - 1)
        self.post_init()

    def forward(
        self, input_ids: Tensor | None = None, inputs_embeds: Tensor | None = None, **kwargs: Any
    ) -> Any:
        if inputs_embeds is None and input_ids is not None:
            inputs_embeds = self.embed_tokens(input_ids)
        # What is passed on by name reaches every layer; only the pointer asks for it.
        return super().forward(inputs_embeds=inputs_embeds, written=inputs_embeds, **kwargs)


class NanoModel(Qwen2_5_VLModel):
    """Qwen2.5-VL's body with NanoVision as `visual`."""

    config: NanoConfig

    def __init__(self, config: NanoConfig) -> None:
        Qwen2_5_VLPreTrainedModel.__init__(self, config)
        self.visual = NanoVision._from_config(config.vision_config)
        self.language_model = NanoTextModel._from_config(config.text_config)
        self.rope_deltas = None
        self.post_init()


class NanoForConditionalGeneration(Qwen2_5_VLForConditionalGeneration):
    """finesight-nano, with everything transformers knows to do with a Qwen2.5-VL."""

    config: NanoConfig
    # Small enough to stay whole whatever is asked for: 8 bits of mantissa would change the features of the frozen
    # trunk and round the numbers of the notes.
    _keep_in_fp32_modules_strict: ClassVar[set[str]] = {"model", "lm_head"}

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
