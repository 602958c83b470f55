"""Values known only at run time: truths, choices, rows of elements, exceptions that data raise."""
