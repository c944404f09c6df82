"""Images of models and runs. Functions return arrays or figures, so that a notebook can use them as scripts do."""
