"""The shot list and its queue of background Blenders."""
