"""Videos: what they are, where they are cut, which frames are looked at, and what of that holds for a shot."""
