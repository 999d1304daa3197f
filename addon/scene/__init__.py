"""What EmoDiffTalk keeps in a .blend: heads, strips, settings, and the bell that rings when a setting changes."""
