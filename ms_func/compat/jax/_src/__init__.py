"""The few private names of JAX that well-known libraries use and that mean something here."""
