"""What a user asks for, one module each: the only place that joins the rooms."""
