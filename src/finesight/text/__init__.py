"""Strings to nouns and back: the only place that knows the answer grammar."""
