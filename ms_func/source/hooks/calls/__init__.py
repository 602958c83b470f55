"""Calls: of converted functions, recursive ones, and what stands for those of others."""
