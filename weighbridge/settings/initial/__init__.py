"""Makes the first settings of a project out of what its repository has, and says later what has changed there."""
