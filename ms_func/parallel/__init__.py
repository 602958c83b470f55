"""Automatic parallelism: which index of which equation is cut along which mesh axis.

`shard_rules` reads a primitive's index notation, `cost` prices layouts and the ways between
them, `graph` turns a program into nodes and edges of choices, `search` finds the cheapest
choices, `partition` writes them into the program, `report` shows them.
"""
