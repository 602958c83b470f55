"""`if`, `while`, `for`, generators and comprehensions."""
