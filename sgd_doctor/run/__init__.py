"""Running the target: its process, its replays and the shield around what it writes."""
