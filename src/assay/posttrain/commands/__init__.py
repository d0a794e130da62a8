"""The commands of `assay posttrain`, one module each. A module imports at its top nothing that a base install lacks."""
