"""Results as one HTML page: tables, pictures, template, style and script."""
