"""Facts and findings as text, JSON and Prometheus' exposition format."""
