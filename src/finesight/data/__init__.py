"""Samples in, samples out. No torch here."""
