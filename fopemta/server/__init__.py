"""The program (composition): puts the rooms together, starts, reloads and stops them."""
