"""How attention changes the tokens; the native ops take a position in this tuple."""

INTEGRATIONS = (None, "add", "mul", "both")
