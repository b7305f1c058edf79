"""What is true of wells only: k-means, starting wells, expectation-maximisation."""
