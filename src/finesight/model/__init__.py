"""Torch, first door: load, see, generate, diagnose."""
