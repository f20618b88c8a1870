"""Changes the pure modules one spot at a time and asks each module's own tests to notice: `invoke mutate`."""
