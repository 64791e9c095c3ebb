"""Dialogues as a mail administrator writes them: "C: " and "S: " lines."""
