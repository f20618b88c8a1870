"""What an image and its roles are held to: one function for each rule."""
