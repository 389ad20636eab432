"""What users would take instead: the networks of the step's benchmark in plain flax and in PyTorch."""
