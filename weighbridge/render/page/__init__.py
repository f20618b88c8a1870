"""The parts of the HTML report: its tables, pictures, template, style and script."""
