"""What every arena stands on: tasks, verdicts, budgets, the ledger, the store, the sandbox. Knows no arena."""
