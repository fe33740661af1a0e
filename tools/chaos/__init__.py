"""`make chaos`: what befalls a run on Kafka in a bad year, within minutes; then every text counts.

Each scenario starts workers as a user would, on a broker of its own, does its harm, and looks for
every text when all is quiet. docs/chaos.md says what came of them.
"""
