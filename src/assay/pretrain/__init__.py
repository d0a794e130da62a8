"""Trustless pre-training over the internet: peers nobody knows train one model, and every contribution is measured."""
