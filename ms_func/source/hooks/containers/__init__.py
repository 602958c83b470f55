"""Lists, dictionaries, sets and parts of arrays whose sizes, keys or places data decide."""
