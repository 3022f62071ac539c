"""Word documents (.docx): opened within limits, and written anew from the parts that are known to be harmless."""
