"""Controls: what an administrator may change while Recoup runs, typed, with every version kept."""
