"""Fine-tuning: examples, plan, loop, predictions and what a run writes."""
