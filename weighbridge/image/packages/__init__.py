"""Who owns a file: what package managers write down of the files that they install. Pure parsers, no sizes."""
