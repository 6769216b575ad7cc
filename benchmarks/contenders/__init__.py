"""What benchmarks/sft_tree.py and grpo_tree.py compare: the data, the model, and each way to train on them."""
