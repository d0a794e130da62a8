"""Post-training: a worker trains a given language model, and the result is measured and audited."""
