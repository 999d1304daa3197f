"""What the trainers share: early stopping, held-out data, half precision, the report page."""
