"""Torch, second door: the training recipes and their parts."""
