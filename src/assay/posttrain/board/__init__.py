"""Scores of many runs, compared: what each agent's cells are worth together, and how sure that is.

Cells come from our own ledger or from what PostTrainBench published (`sources`, `tables`, `results`, `decisions`);
`scoring` turns them into averages under a named rule, `bootstrap` says how far the averages can be trusted, and
`standing` puts both into one document that the terminal, JSON and the page show.
"""
