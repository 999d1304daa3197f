"""The backend as a process: framed messages on stdin and stdout, one job at a time."""
