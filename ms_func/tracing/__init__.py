"""User function -> ir.Function: run once on tracers, record the equations."""
