"""From what a database holds to what to do with it: evidence → judgement → advice."""
