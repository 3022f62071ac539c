"""The job metering.export: where the engine, a crontab and a rehearsal come in."""
