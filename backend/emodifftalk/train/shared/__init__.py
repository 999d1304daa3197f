"""What several trainers share: early stopping, held-out figures, half precision, the report page."""
