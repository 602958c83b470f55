"""Small optimisers and networks of plain functions, as JAX ships them for examples."""
