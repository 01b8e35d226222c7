"""How the book shows things: figures, tables and their style."""
