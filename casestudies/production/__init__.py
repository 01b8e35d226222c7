"""An effect kept under watch: its record, checks, a ledger, alarms, a dashboard, and drills."""
