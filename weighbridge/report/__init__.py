"""What images weigh, over time: records, comparison, budgets, advice."""
