"""Models on the hub: `hf://user/repo[@revision]`, fetched and published with huggingface_hub (extra `hub`)."""
