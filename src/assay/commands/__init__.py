"""The sub-commands of `assay`, one file each: thin, over the package."""
