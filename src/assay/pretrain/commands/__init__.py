"""The commands of `assay pretrain`, one module each. A module imports at its top nothing that a base install lacks."""
