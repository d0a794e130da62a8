"""Groups of commands, imported when one of theirs is asked for: all imports together take longer than most commands."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

GROUPS = {
    "ledger": ("assay.commands.ledger", "The append-only record of signed verdicts."),
    "store": ("assay.commands.store", "Content-addressed files: submissions, models, logs."),
    "posttrain": ("assay.posttrain.cli", "What the arena of post-training has beyond the common verbs."),
    "pretrain": ("assay.pretrain.cli", "Trustless pre-training: plan a run, prepare its text, take part."),
    "prove": ("assay.prove.cli", "Verified software: components, four gates, certificates."),
    "canopy": ("assay.canopy.cli", "Canopy height from imagery: train, evaluate, map."),
}


class Groups(TyperGroup):
    """The common verbs, and behind them a group for the ledger, for the store and for each arena."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: dict[str, Any] = {**self.commands, **dict.fromkeys(GROUPS)}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if self.commands.get(cmd_name) is None and cmd_name in GROUPS:
            module, help_ = GROUPS[cmd_name]
            parent = typer.Typer(pretty_exceptions_enable=False)
            parent.callback()(lambda: None)  # a group, however many commands there are
            parent.add_typer(import_module(module).app, name=cmd_name, help=help_)
            self.commands[cmd_name] = typer.main.get_group(parent).commands[cmd_name]
        return super().get_command(ctx, cmd_name)
