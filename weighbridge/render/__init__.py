"""How results look: one module per format, each from the same values, none of them asking an engine anything."""
