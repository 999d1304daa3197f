"""What `run.py` is made of: environments, packages, the add-on tests in other Blenders. Standard library only."""
