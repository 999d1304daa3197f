"""All stages for one capture, one after the other, with a report."""
