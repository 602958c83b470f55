"""Exceptions that data raise, and who catches them."""
