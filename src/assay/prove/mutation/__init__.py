"""Mutation: small changes to a component's statements and program, each of which has to fail a gate.

A change to a statement that nothing notices would mean that the statement says less than it seems to.
"""
