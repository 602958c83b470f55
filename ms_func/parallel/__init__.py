"""Automatic parallelism: which index of which equation is cut along which mesh axis.

`plan` goes the whole way. `unfold` lays loops and branches open; `rewrite`, with `shifts` and
`fourier`, writes a program anew where that leaves more to choose from. `splits` finds the ways to
split an equation by its index notation, `cost` prices layouts and the ways between them, and
`nodes` makes of both a `graph` of choices. `search`, with `levels` and `descent`, finds the
cheapest choices; `memory`, by `liveness`, the cheapest ones below a limit. `partition` writes
them into the program, `report` shows them.
"""
