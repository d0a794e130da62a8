"""The laboratory: SparseLoCo beside DiLoCo and data-parallel AdamW, its ablations, and its aggregates under attack.

`python -m assay.pretrain.lab compare --out DIR` and its siblings train small Llamas on real text with simulated
peers, write one JSON file per finished run, and never repeat one: killed at any moment, the same command goes on.
`report` makes the tables and plots of `docs/pretrain/sparseloco.md`.
"""
