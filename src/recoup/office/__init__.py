"""What every area uses: journal, owed items, files, outbox, messages, controls, jobs."""
