"""The questions of a picture put together, in one prompt (merge) or side by side (tree), and counted."""
