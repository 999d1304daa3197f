"""Sentences of feeling with the action units they mean, and which of them are held out."""
