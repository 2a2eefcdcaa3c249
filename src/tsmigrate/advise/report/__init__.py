"""What is shown of the advice: as text, as JSON, as a page."""
