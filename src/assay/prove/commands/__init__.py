"""The commands of `assay prove`: one module each."""
