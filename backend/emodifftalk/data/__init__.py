"""What training reads: captures of heads, the template on any face, labelled speech and words of feeling."""
