"""A compose project as our settings: which services are roles, which are services, and what each needs."""
