"""Calls: of converted functions, and what stands for those of others."""
