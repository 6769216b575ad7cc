"""Which questions are worth training on, by the rewards of the answers sampled to them."""
