"""finesight-nano: a Qwen2.5-VL whose vision tower is a small pretrained convolutional trunk."""
