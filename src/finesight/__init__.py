"""finesight: fine-grained image and video quality, said by one multimodal model."""

__version__ = "0.1.0"
