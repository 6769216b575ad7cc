"""Pure numbers from (prediction, reference). No torch here."""
