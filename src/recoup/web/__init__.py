"""What doors share: what a part plugs in, who is asking, how errors and pages of rows look on the wire."""
