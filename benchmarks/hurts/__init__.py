"""Situations that administrators remember, fopemta and Postfix in turn."""
