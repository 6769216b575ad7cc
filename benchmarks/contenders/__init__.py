"""What benchmarks/sft_tree.py compares: the data, the model, and each way to train on them."""
