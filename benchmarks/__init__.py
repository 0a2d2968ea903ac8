"""What is measured and driven to its limits, beside the tests: speed, and faults by the thousand."""
