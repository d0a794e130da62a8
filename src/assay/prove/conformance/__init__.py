"""Comparing a component with the library that it replaces: inputs, a kept corpus, and the library's own tests."""
