"""What a network does and what it costs: metrics with intervals, paired comparisons, the measurement table."""
