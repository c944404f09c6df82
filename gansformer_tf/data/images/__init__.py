"""One image: decoded, fitted, resized, encoded."""
