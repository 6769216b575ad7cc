"""nano as four ONNX graphs, and a generator that runs them without torch."""
