"""What runs inside the evaluation sandbox: one model, one set of items, pinned prompts and decoding.

    python -m assay.posttrain.evaluator SPEC.json

It is an Inspect task with its own model provider; its log opens in `inspect view`. The same program is the
`evaluate` command that workers are given, on the development items.
"""
