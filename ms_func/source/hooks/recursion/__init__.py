"""Functions that call themselves: recorded as one program, or one for each form of arguments."""
