"""Speed, as ratios against bounds measured in the same run; `python dev.py bench` prints the table."""
