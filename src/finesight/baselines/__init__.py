"""Diagnosers without a model, the yardsticks of every table. No torch here."""
