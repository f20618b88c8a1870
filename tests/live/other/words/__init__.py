"""Counts words: an application that shares nothing with this project's own, to try the smoke test on.

Texts are files that both roles see; Celery counts their words. `python -m words` starts either role.
"""
