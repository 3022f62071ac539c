"""The businesses, each in a folder of the same inner shape. They never import each other."""
