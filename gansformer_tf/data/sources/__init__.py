"""Where images come from. Every source numbers its images and reads any of them on its own."""
