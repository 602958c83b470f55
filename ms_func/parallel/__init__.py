"""Automatic parallelism: which index of which equation is cut along which mesh axis.

`splits` finds the ways to split an equation by its index notation, `cost` prices layouts and the
ways between them, `graph` turns a program into nodes and edges of choices, `search` finds the
cheapest choices, `partition` writes them into the program, `report` shows them.
"""
