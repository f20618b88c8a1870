"""Works with measured images over time: records, comparison, budgets, advice."""
