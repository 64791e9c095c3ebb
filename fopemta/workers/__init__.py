"""Several processes that carry mail as one server: what they and their supervisor say to each other, and how places at
destinations, what is learned, and orders are shared among them (shell).
"""
