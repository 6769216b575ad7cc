"""What GRPO adds to a recipe: advantages, the objective, groups of answers and how they come about."""
