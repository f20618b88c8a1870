"""The rules that an image and its roles must keep: one function for each rule."""
