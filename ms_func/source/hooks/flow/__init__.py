"""`while`, `for`, generators, comprehensions, `try`, `with` and `match`."""
