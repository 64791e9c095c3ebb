"""How one value of a file is read (pure): quantities, words, addresses; where it stands, and what is wrong with it."""
