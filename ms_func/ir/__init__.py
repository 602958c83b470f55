"""The language every transform speaks: types, primitives, functions."""
