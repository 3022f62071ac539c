"""The bytes of a claim's documents: what they are, and a form of them that is safe to keep and to show.

Files that strangers send are read in processes of their own, with limits, and what is kept is what we wrote anew.
"""
