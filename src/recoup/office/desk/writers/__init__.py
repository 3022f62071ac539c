"""Lists written into files: one module per format, all fed row by row, so that no number of rows fills the memory."""
