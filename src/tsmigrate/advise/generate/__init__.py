"""From a plan to reviewed revisions: what stands in the way, the steps, their text, and the files."""
