"""Videos: what they are, where they are cut, what of the looked-at frames holds for a shot, what is done about it."""
