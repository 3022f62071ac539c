"""What several tests need to set the stage; nothing here checks anything."""
